package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed is wrapped by every error of a decoder of this package.
var ErrMalformed = errors.New("malformed")

// encoder appends fixed big-endian fields to a buffer.
type encoder struct{ buf []byte }

func (w *encoder) u8(v uint8)   { w.buf = append(w.buf, v) }
func (w *encoder) u16(v uint16) { w.buf = binary.BigEndian.AppendUint16(w.buf, v) }
func (w *encoder) u32(v uint32) { w.buf = binary.BigEndian.AppendUint32(w.buf, v) }
func (w *encoder) u64(v uint64) { w.buf = binary.BigEndian.AppendUint64(w.buf, v) }
func (w *encoder) raw(b []byte) { w.buf = append(w.buf, b...) }

// bytes writes a u32 length and the bytes.
func (w *encoder) bytes(b []byte) {
	w.u32(uint32(len(b)))
	w.raw(b)
}

func (w *encoder) attempt(a AttemptID) {
	w.u64(uint64(a.Height))
	w.u64(uint64(a.Epoch))
	w.u32(a.Attempt)
}

// decoder reads fixed big-endian fields. The first error sticks; after it
// every read gives zero. Slices it hands out alias the buffer.
type decoder struct {
	buf []byte
	err error
}

func (r *decoder) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
}

func (r *decoder) raw(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.buf) {
		r.fail("%d bytes wanted, %d left", n, len(r.buf))
		return nil
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	return b
}

func (r *decoder) u8() uint8 {
	if b := r.raw(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *decoder) u16() uint16 {
	if b := r.raw(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *decoder) u32() uint32 {
	if b := r.raw(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *decoder) u64() uint64 {
	if b := r.raw(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *decoder) bytes() []byte { return r.raw(int(r.u32())) }

func (r *decoder) digest() (d Digest) {
	copy(d[:], r.raw(len(d)))
	return d
}

func (r *decoder) id() (i id) {
	copy(i[:], r.raw(len(i)))
	return i
}

func (r *decoder) attempt() AttemptID {
	return AttemptID{Height: Height(r.u64()), Epoch: Epoch(r.u64()), Attempt: r.u32()}
}

// count checks a number of elements before anything is allocated for them.
func (r *decoder) count(n, most int, what string) int {
	if r.err == nil && (n < 0 || n > most) {
		r.fail("%d %s, at most %d allowed", n, what, most)
	}
	if r.err != nil {
		return 0
	}
	return n
}

// done gives the first error, or one that says that bytes are left over.
func (r *decoder) done(what string) error {
	if r.err == nil && len(r.buf) > 0 {
		r.fail("%d bytes after the end", len(r.buf))
	}
	if r.err != nil {
		return fmt.Errorf("decode %s: %w", what, r.err)
	}
	return nil
}
