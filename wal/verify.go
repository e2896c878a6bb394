package wal

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// chain is a row of segment files that hold every record from the first
// sequence of the first file to last, without a gap.
type chain struct {
	files    []segment
	last     uint64 // sequence of the last sound record
	cut      *cut   // what to take off the end of the last file; nil if nothing
	unforced int64  // where in the last file the records above the mark begin
}

// first is the sequence of the first record, or of the next one to come.
func (c chain) first() uint64 { return c.files[0].first }

// tail is the file that appends go to.
func (c chain) tail() segment { return c.files[len(c.files)-1] }

// cut describes the end of a file that is no record and was never
// acknowledged.
type cut struct {
	offset int64 // where it begins
	bytes  int64 // how long it is
	seq    uint64
	reason error
}

// verifier reads segments one after the other and checks that every frame is
// the one that belongs there.
type verifier struct {
	dir  string
	id   ID
	mark uint64 // records up to this sequence were acknowledged

	next    uint64 // sequence that the next frame must have
	durable uint64 // claim of the last frame; it never falls
	buf     []byte
}

// verifyChain verifies all files in order. Its error is a *DamageError, or a
// failure to read.
//
// A bad frame outside the last file is damage: a file is forced, and its name
// too, before the next one gets its first byte. A bad frame in the last file
// may be cut off only if it looks like the work of a crash, and neither the
// mark nor any frame behind it says that it had been forced.
func verifyChain(dir string, files []segment, id ID, mark uint64) (chain, error) {
	v := verifier{dir: dir, id: id, mark: mark, next: files[0].first}
	c := chain{files: slices.Clone(files)}
	for i, s := range files {
		if s.first != v.next {
			return c, v.damaged(s, 0, fmt.Sprintf("the file begins at sequence %d", s.first))
		}
		good, unforced, err := v.file(s)
		if err != nil {
			return c, err
		}
		c.unforced = unforced
		if good.reason == nil {
			continue
		}
		if i < len(files)-1 {
			return c, v.damaged(s, good.offset, "before the last segment: "+good.reason.Error())
		}
		c.cut = &good
	}
	c.last = v.next - 1
	return c, v.judge(&c)
}

// judge decides whether what ends the chain may be the work of a crash.
func (v *verifier) judge(c *chain) error {
	tail, offset, reason := c.tail(), c.tail().bytes, "the log ends"
	if c.cut != nil {
		offset, reason = c.cut.offset, c.cut.reason.Error()
	}
	switch {
	case v.mark >= v.next:
		return v.damaged(tail, offset, fmt.Sprintf("%s, but records up to %d were acknowledged", reason, v.mark))
	case c.cut == nil:
		return nil
	case !crashShaped(c.cut.reason):
		return v.damaged(tail, offset, reason)
	case provesForced(v.buf[offset:], v.id, v.next):
		return v.damaged(tail, offset, reason+", and a later frame proves that it was durable")
	}
	return nil
}

// file reads one segment as far as it is sound. In the cut it returns, reason
// is nil if that is to the end. unforced is the offset behind the last frame
// that the mark covers.
func (v *verifier) file(s segment) (c cut, unforced int64, err error) {
	if v.buf, err = readSegment(filepath.Join(v.dir, s.name), v.buf); err != nil {
		return c, 0, err
	}
	at := 0
	for at < len(v.buf) {
		size, err := v.frame(v.buf[at:])
		if err != nil {
			return cut{int64(at), int64(len(v.buf) - at), v.next, err}, unforced, nil
		}
		at += size
		if v.next <= v.mark {
			unforced = int64(at)
		}
		v.next++
	}
	return c, unforced, nil
}

// frame checks the entry at the start of b and returns its size in bytes.
func (v *verifier) frame(b []byte) (int, error) {
	h, _, size, err := decodeEntry(b)
	switch {
	case err != nil:
		return 0, err
	case h.id != v.id:
		return 0, errForeign
	case h.seq != v.next:
		return 0, errSequence
	case h.durable < v.durable:
		return 0, errDurable
	}
	v.durable = h.durable
	return size, nil
}

func (v *verifier) damaged(s segment, offset int64, reason string) error {
	return &DamageError{Segment: s.name, Offset: offset, Seq: v.next, Reason: reason}
}

// provesForced looks in the unreadable end of a log for the header of a frame
// that was written when seq had already been forced. A sound header is proof
// even if its body is not, for it says what was true when it was written.
func provesForced(end []byte, id ID, seq uint64) bool {
	for {
		at := bytes.Index(end, magic[:])
		if at < 0 {
			return false
		}
		end = end[at:]
		h, err := decodeHeader(end)
		if err == nil && h.id == id && h.durable >= seq {
			return true
		}
		end = end[1:]
	}
}

// readSegment reads a whole segment file into buf, which it grows if needed.
func readSegment(path string, buf []byte) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return buf, fmt.Errorf("open segment: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return buf, fmt.Errorf("look at segment: %w", err)
	}
	if info.Size() > maxSegmentBytes+maxEntry {
		return buf, &DamageError{Segment: filepath.Base(path), Reason: fmt.Sprintf("no segment is as long as %d bytes", info.Size())}
	}
	buf = slices.Grow(buf[:0], int(info.Size()))[:info.Size()]
	if _, err := io.ReadFull(f, buf); err != nil {
		return buf, fmt.Errorf("read segment %s: %w", filepath.Base(path), err)
	}
	return buf, nil
}
