package raftlog

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

// Survey is what Scan found.
type Survey struct {
	wal.Summary        // of the records; First and Last are sequences
	FirstIndex  uint64 // of the entries, 0 if there are none
	LastIndex   uint64
	EntryBytes  int64 // length of their records
}

// Scan reads the raft log of a stopped coordinator, for tools. It changes
// nothing. visit gets the entries that Open would serve, in order, each to be
// used during the call only; its error ends the scan and is returned as it is.
//
// If Open would refuse the log, that is the error, and visit has got the
// entries that stand in front of the first problem.
func Scan(dir string, visit func(*raft.Log) error) (Survey, error) {
	t, s, err := survey(dir)
	if t.empty() {
		return s, err
	}
	visited := walk(dir, s.Assessment, func(seq uint64, rec wal.Record) error {
		e, err := decodeEntry(rec.Data)
		if err != nil || !t.holds(e.Index) || t.rows[e.Index-t.first].seq != seq {
			return nil // a cut, or an entry that was replaced later
		}
		return visit(&e)
	})
	if visited != nil {
		return s, visited
	}
	return s, err
}

// survey finds out which entries count.
func survey(dir string) (t table, s Survey, err error) {
	s.Summary, err = wal.Scan(dir, nil)
	if err != nil || s.New {
		return t, s, err
	}
	seen, next := true, s.Assessment.First
	err = walk(dir, s.Assessment, func(seq uint64, rec wal.Record) error {
		seen = seen && seq == next
		next = seq + 1
		_, _, err := t.replay(seq, rec)
		return err
	})
	s.FirstIndex, s.LastIndex = t.bounds()
	s.EntryBytes = t.bytes()
	switch {
	case err != nil:
		return t, s, err
	case s.Verdict != nil:
		return t, s, fmt.Errorf("read raft log: %w", s.Verdict)
	case !seen || next != s.Assessment.Last+1: // the rest is in the copy that the trim made
		return t, s, fmt.Errorf("%w: %s", ErrUnfinishedTrim, dir)
	}
	return t, s, nil
}

// errEnd ends a walk at the first problem.
var errEnd = errors.New("end of the sound front")

// walk hands out the records of a log in order, up to the first problem.
func walk(dir string, a wal.Assessment, each func(seq uint64, rec wal.Record) error) error {
	_, err := wal.Scan(dir, func(f wal.Found) error {
		if f.Problem != nil {
			return errEnd
		}
		if f.Seq < a.First {
			return nil // removed, and about to be cleared away
		}
		return each(f.Seq, f.Record)
	})
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}
