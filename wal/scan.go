package wal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
)

// Found is one thing that Scan came across in a segment: a sound frame, or a
// problem.
type Found struct {
	File    string // name inside the log directory
	Offset  int64  // bytes from the start of the file
	Bytes   int64  // length of the frame, or of the stretch that cannot be read
	Seq     uint64 // of the frame; for a problem, what was expected there
	Durable uint64 // what the frame says was durable when it was written
	Record  Record // the data is to be used during the call only
	Problem error  // nil for a frame
}

// Summary is what Scan found in total.
type Summary struct {
	Assessment
	Verdict  error // the error of Assess: nil if Open would succeed
	Segments int   // files that were read
	Bytes    int64 // in them
	Frames   int   // sound frames
	Problems int
}

// Scan reads a log directory from end to end for a person who wants to know
// what is in it. It changes nothing, takes no lock, and goes on behind damage
// with the next sound frame. visit may be nil; its error ends the scan and is
// returned as it is.
//
// It reads the files that Open would make the log of: with the copy of a trim
// that did not finish, if that is where the front of the log is, and without
// what the trim has yet to remove. Where Open would refuse, it reads all
// segments.
//
// A log that is open elsewhere may be scanned too, but then its end may look
// torn, and files may vanish, which is reported as a problem. So a caller that
// needs every record checks that it was given all up to Last.
func Scan(dir string, visit func(Found) error) (Summary, error) {
	var s Summary
	p, err := examine(dir)
	if p == nil {
		return s, err
	}
	s.Assessment, s.Verdict = p.assessment(err), err
	if err != nil && !errors.Is(err, ErrDamaged) {
		return s, err
	}
	files := p.chain.files
	if err != nil || p.blank {
		l, err := list(dir)
		if err != nil {
			return s, err
		}
		files = l.segments
	}
	sc := scanner{dir: dir, id: s.ID, summary: &s, visit: visit}
	for _, file := range files {
		if err := sc.file(file); err != nil {
			return s, err
		}
	}
	return s, nil
}

// scanner walks through the segments and never gives up.
type scanner struct {
	dir     string
	id      ID     // zero if unknown: then that of the first frame
	next    uint64 // 0 if unknown
	gap     bool   // records before the next sound frame could not be read
	buf     []byte
	summary *Summary
	visit   func(Found) error
}

func (sc *scanner) file(s segment) (err error) {
	sc.summary.Segments++
	if sc.buf, err = readSegment(filepath.Join(sc.dir, s.name), sc.buf); err != nil {
		sc.next = 0
		return sc.report(Found{File: s.name, Bytes: s.bytes, Seq: s.first, Problem: err})
	}
	sc.summary.Bytes += int64(len(sc.buf))
	if sc.next != 0 && sc.next != s.first {
		f := Found{File: s.name, Seq: sc.next, Problem: fmt.Errorf("the file begins at sequence %d", s.first)}
		if err := sc.report(f); err != nil {
			return err
		}
	}
	sc.next, sc.gap = s.first, false
	for at := 0; at < len(sc.buf); {
		f := sc.look(s.name, at)
		if err := sc.report(f); err != nil {
			return err
		}
		at += int(f.Bytes)
	}
	return nil
}

// look says what begins at an offset of the current file.
func (sc *scanner) look(name string, at int) Found {
	h, body, size, err := decodeEntry(sc.buf[at:])
	if err != nil {
		sc.gap = true
		return Found{File: name, Offset: int64(at), Bytes: int64(sc.skip(at)), Seq: sc.next, Problem: err}
	}
	if sc.id == (ID{}) {
		sc.id = h.id
	}
	f := Found{File: name, Offset: int64(at), Bytes: int64(size), Seq: h.seq, Durable: h.durable, Record: Record{h.typ, body}}
	switch {
	case h.id != sc.id:
		f.Problem = errForeign
	case h.seq != sc.next && !(sc.gap && h.seq > sc.next):
		f.Problem = fmt.Errorf("%w: %d, expected was %d", errSequence, h.seq, sc.next)
	}
	if h.id == sc.id {
		sc.next, sc.gap = h.seq+1, false
	}
	return f
}

// skip returns the distance to the next sound entry, or to the end.
func (sc *scanner) skip(at int) int {
	for from := at + 1; from < len(sc.buf); {
		found := bytes.Index(sc.buf[from:], magic[:])
		if found < 0 {
			break
		}
		from += found
		for n := 1; n <= 5 && from-n > at; n++ { // lengths in front of a frame have 1 to 5 bytes
			if _, _, _, err := decodeEntry(sc.buf[from-n:]); err == nil {
				return from - n - at
			}
		}
		from++
	}
	return len(sc.buf) - at
}

func (sc *scanner) report(f Found) error {
	if f.Problem != nil {
		sc.summary.Problems++
	} else {
		sc.summary.Frames++
	}
	if sc.visit == nil {
		return nil
	}
	return sc.visit(f)
}
