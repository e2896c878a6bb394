package raftlog

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

// DeleteRange removes the entries from low to high, both included. They must be
// at an end of the log: else it is ErrOrder, and nothing was changed. What the
// log does not hold is passed over.
//
// Removal at the back, and of everything, is durable when DeleteRange returns.
// Removal at the front is not written at all until it frees Options.TrimBytes
// on the disk: until then a restart brings the entries back. That is harmless,
// because raft removes at the front only what is committed and in a durable
// snapshot; so what comes back still is part of the one true log.
//
// After an error of the removal of everything the log is poisoned, since raft
// goes on regardless.
func (l *Log) DeleteRange(low, high uint64) error {
	l.changes.Lock()
	defer l.changes.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	first, last := l.table.bounds()
	switch {
	case l.table.empty() || low > high || high < first || low > last:
		return nil
	case low <= first && high >= last:
		return l.removeAll()
	case low <= first:
		return l.removeFront(high + 1)
	case high >= last:
		return l.removeBack(low)
	}
	return fmt.Errorf("%w: without entries %d to %d, the rest of %d to %d would have a hole", ErrOrder, low, high, first, last)
}

// Align makes the log fit the newest snapshot, whose last entry has this index
// and term; both are 0 if there is none. It is to be called before raft starts:
// if a crash comes between a snapshot that was received and the removal of the
// log that it replaces, raft would go on with both. Then Align removes all
// entries and returns true.
//
// raft 1.7.3 has to be started again, too, if it installs a snapshot while the
// log reaches to its last entry or beyond: it goes on to take the end of the
// removed log for its own, refuses what the leader sends, and compares votes
// with the wrong term (hashicorp/raft#697). The owner has to see to that before
// Restore returns.
//
// ErrDamaged means that entries between the snapshot and the log are missing.
func (l *Log) Align(index, term uint64) (removed bool, err error) {
	l.changes.Lock()
	defer l.changes.Unlock()
	if err := l.usable(); err != nil {
		return false, err
	}
	fits, err := l.fits(index, term)
	if err != nil || fits {
		return false, err
	}
	return true, l.removeAll()
}

// fits reports whether the log continues a snapshot: it is empty, begins right
// behind it, or holds its last entry.
func (l *Log) fits(index, term uint64) (bool, error) {
	first, last := l.table.bounds()
	switch {
	case l.table.empty() || first == index+1:
		return true, nil
	case first > index+1:
		return false, damaged("the newest snapshot ends at entry %d and the log begins at %d", index, first)
	case last < index:
		return false, nil
	}
	var e raft.Log
	err := l.GetLog(index, &e)
	return e.Term == term, err
}

func (l *Log) removeAll() error {
	if err := l.wal.TrimFront(l.wal.Last() + 1); err != nil {
		return l.poison.fail("remove all entries", err)
	}
	l.dead = 0
	l.mu.Lock()
	defer l.mu.Unlock()
	l.table = table{}
	l.cache.clear()
	return nil
}

// removeBack removes the entries from index on. There are some below.
func (l *Log) removeBack(index uint64) error {
	if _, err := l.wal.Append(wal.Record{Type: cutRecord, Data: encodeCut(index)}); err != nil {
		return l.refused("remove entries", err)
	}
	if err := l.wal.Sync(); err != nil {
		return l.refused("remove entries", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.table.cut(index)
	l.cache.cut(index)
	return nil
}

// removeFront removes the entries below keep. There are some from there on.
func (l *Log) removeFront(keep uint64) error {
	l.dead += l.dropFront(keep)
	if l.dead < l.opts.TrimBytes {
		return nil
	}
	err := l.wal.TrimFront(l.table.rows[0].seq)
	if errors.Is(err, wal.ErrNoSpace) {
		return nil // the next removal tries again
	}
	if err != nil {
		return l.poison.fail("remove entries", err)
	}
	l.dead = 0
	return nil
}

func (l *Log) dropFront(keep uint64) (bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cache.drop(keep)
	return l.table.drop(keep)
}
