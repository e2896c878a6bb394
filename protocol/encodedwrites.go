package protocol

import (
	"bytes"
	"encoding/binary"
	"math"
)

// EncodedWrites are the writes of a block as EncodeWrites encodes them, with the
// place of each: what is needed to sort and to merge them without decoding.
type EncodedWrites struct {
	encoded []byte
	starts  []uint32 // where in encoded each write begins, and where the last one ends
}

// IndexEncodedWrites checks what EncodeWrites wrote, as DecodeWrites does. The
// result aliases b, which must be shorter than 4 GiB.
func IndexEncodedWrites(b []byte) (EncodedWrites, error) {
	r := decoder{buf: b}
	if len(b) >= math.MaxUint32 {
		r.fail("%d bytes of writes", len(b))
	}
	n := r.count(int(r.u32()), len(b)/6, "writes")
	if r.err != nil {
		return EncodedWrites{}, r.err
	}
	w := EncodedWrites{encoded: b, starts: make([]uint32, 0, n+1)}
	var before []byte
	at := uint64(4)
	for i := range n {
		key, end, ok := measureWrite(b, at)
		if !ok {
			r.fail("write %d is cut short", i)
			return EncodedWrites{}, r.done("writes")
		}
		if i > 0 && bytes.Compare(before, key) >= 0 {
			r.fail("keys not strictly ascending at write %d", i)
			return EncodedWrites{}, r.done("writes")
		}
		w.starts = append(w.starts, uint32(at))
		at, before = end, key
	}
	w.starts = append(w.starts, uint32(at))
	r.buf = b[at:]
	return w, r.done("writes")
}

// measureWrite gives the key of the write at a place, and where the write ends.
func measureWrite(b []byte, at uint64) (key []byte, end uint64, ok bool) {
	if at+2 > uint64(len(b)) {
		return nil, 0, false
	}
	from := at + 2
	to := from + uint64(binary.BigEndian.Uint16(b[at:]))
	if to+4 > uint64(len(b)) {
		return nil, 0, false
	}
	end = to + 4
	if n := binary.BigEndian.Uint32(b[to:]); n != deleted {
		end += uint64(n)
	}
	return b[from:to], end, end <= uint64(len(b))
}

// Len is the number of writes.
func (w EncodedWrites) Len() int { return max(0, len(w.starts)-1) }

// Bytes gives the encoding of all, as DecodeWrites reads it.
func (w EncodedWrites) Bytes() []byte { return w.encoded }

// Key gives the key of a write.
func (w EncodedWrites) Key(i int) []byte {
	from := w.starts[i] + 2
	return w.encoded[from : from+uint32(binary.BigEndian.Uint16(w.encoded[from-2:]))]
}

// At decodes a write, as DecodeWrites does.
func (w EncodedWrites) At(i int) WriteOp { return decodeWrite(&decoder{buf: w.one(i)}) }

// one gives the encoding of a write.
func (w EncodedWrites) one(i int) []byte { return w.encoded[w.starts[i]:w.starts[i+1]] }

// SelectWrites puts n writes together; each(i) says which write of which set is
// the i-th. They must ascend strictly by key, and be shorter than 4 GiB together.
func SelectWrites(n int, each func(i int) (EncodedWrites, int)) EncodedWrites {
	size := 4
	for i := range n {
		from, j := each(i)
		size += len(from.one(j))
	}
	w := EncodedWrites{encoded: make([]byte, 4, size), starts: make([]uint32, 0, n+1)}
	binary.BigEndian.PutUint32(w.encoded, uint32(n))
	for i := range n {
		from, j := each(i)
		w.starts = append(w.starts, uint32(len(w.encoded)))
		w.encoded = append(w.encoded, from.one(j)...)
	}
	w.starts = append(w.starts, uint32(len(w.encoded)))
	return w
}
