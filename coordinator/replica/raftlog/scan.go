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
	visited := walk(dir, s.Summary, func(seq uint64, rec wal.Record) error {
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
	err = walk(dir, s.Summary, func(seq uint64, rec wal.Record) error {
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
	}
	return t, s, nil
}

// errEnd ends a walk at the first problem.
var errEnd = errors.New("end of the sound front")

// errVanished says that a log does not hold what it held a moment ago.
var errVanished = errors.New("the files changed meanwhile: see that nothing writes to them, and look again")

// walk hands out the records of a log in order, up to the first problem. It
// fails if these are not all that Open would serve, unless Open would refuse.
func walk(dir string, s wal.Summary, each func(seq uint64, rec wal.Record) error) error {
	next, problem := s.First, errVanished
	_, err := wal.Scan(dir, func(f wal.Found) error {
		if f.Problem != nil {
			problem = f.Problem
			return errEnd
		}
		next = f.Seq + 1
		return each(f.Seq, f.Record)
	})
	if err != nil && !errors.Is(err, errEnd) {
		return err
	}
	if s.Verdict == nil && next != s.Last+1 {
		return fmt.Errorf("read raft log: record %d of %d cannot be read: %w", next, s.Last, problem)
	}
	return nil
}
