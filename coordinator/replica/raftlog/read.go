package raftlog

import (
	"errors"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

// FirstIndex returns the index of the oldest entry, 0 if there is none. It
// never fails.
func (l *Log) FirstIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	first, _ := l.table.bounds()
	return first, nil
}

// LastIndex returns the index of the newest entry, 0 if there is none. It never
// fails.
func (l *Log) LastIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	_, last := l.table.bounds()
	return last, nil
}

// GetLog reads one entry into e. An index that the log does not hold is
// raft.ErrLogNotFound. Entries in the cache are answered from memory, also when
// the log is poisoned or closed, for they were durable when they got there;
// their data is shared and must not be changed. All others are read from the
// disk, and what cannot be read poisons the log.
func (l *Log) GetLog(index uint64, e *raft.Log) error {
	seq, cached := l.find(index, e)
	if cached {
		return nil
	}
	if seq == 0 {
		return raft.ErrLogNotFound
	}
	if err := l.poison.get(); err != nil {
		return err
	}
	rec, err := l.wal.Read(seq)
	switch {
	case errors.Is(err, wal.ErrRange): // trimmed in the meantime
		return raft.ErrLogNotFound
	case errors.Is(err, wal.ErrClosed):
		return ErrClosed
	case err != nil:
		return l.poison.fail("read an entry", err)
	}
	return l.decode(index, seq, rec, e)
}

// find looks into the cache for an entry, and else into the table for its
// sequence, which is 0 if there is none.
func (l *Log) find(index uint64, e *raft.Log) (seq uint64, cached bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.cache.holds(index) {
		*e = l.cache.logs[index-l.cache.first]
		return 0, true
	}
	if !l.table.holds(index) {
		return 0, false
	}
	return l.table.rows[index-l.table.first].seq, false
}

// decode reads the record of an entry, which has to be the right one.
func (l *Log) decode(index, seq uint64, rec wal.Record, e *raft.Log) error {
	if rec.Type != entryRecord {
		return l.poison.fail("read an entry", damaged("record %d has type %d, not that of an entry", seq, rec.Type))
	}
	found, err := decodeEntry(rec.Data)
	if err == nil && found.Index != index {
		err = damaged("record %d holds entry %d, not %d", seq, found.Index, index)
	}
	if err != nil {
		return l.poison.fail("read an entry", err)
	}
	*e = found
	return nil
}
