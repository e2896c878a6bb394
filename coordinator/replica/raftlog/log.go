package raftlog

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/wal"
)

var (
	_ raft.LogStore          = (*Log)(nil)
	_ raft.MonotonicLogStore = (*Log)(nil)
)

// Log is an open raft log. It is safe for concurrent use: what is in memory can
// be read while the disk is busy with a StoreLogs.
type Log struct {
	wal    *wal.Log
	opts   Options
	poison poison

	// changes orders StoreLogs, DeleteRange, Align and Close.
	changes sync.Mutex
	closed  bool
	buf     []byte // of records, reused
	dead    int64  // bytes of removed entries at the front that the disk still has

	// Written under changes and mu, read under either. Only what is durable is
	// in them.
	mu    sync.RWMutex
	table table
	cache cache
}

// Open opens the raft log in dir, and creates both if there is none. It reads
// everything once. The errors are those of wal.Open, and ErrDamaged if the
// records are sound but are not those of a raft log.
func Open(dir string, opts Options) (*Log, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	w, err := wal.Open(dir, opts.Wal)
	if err != nil {
		return nil, fmt.Errorf("open raft log: %w", err)
	}
	l := &Log{wal: w, opts: opts, poison: newPoison(), cache: cache{limit: opts.CacheBytes}}
	if err := w.Replay(0, l.replay); err != nil {
		return nil, errors.Join(fmt.Errorf("open raft log: %w", err), w.Close())
	}
	return l, nil
}

// replay takes one record on the way up.
func (l *Log) replay(seq uint64, rec wal.Record) error {
	e, ok, err := l.table.replay(seq, rec)
	if err != nil {
		return err
	}
	if ok {
		l.cache.put(&e)
	} else {
		_, last := l.table.bounds()
		l.cache.cut(last + 1)
	}
	return nil
}

// IsMonotonic says that there are never gaps between indexes, so that raft
// removes all entries when it has installed a snapshot.
func (l *Log) IsMonotonic() bool { return true }

// ID is the identity of the log: random, drawn when it was created.
func (l *Log) ID() wal.ID { return l.wal.ID() }

// Repairs lists what Open mended, for the caller to report once.
func (l *Log) Repairs() []wal.Repair { return l.wal.Repairs() }

// SizeBytes is the size of the log on the disk.
func (l *Log) SizeBytes() int64 { return l.wal.SizeBytes() }

// Fsyncs counts how often files of the log were forced since it was opened.
func (l *Log) Fsyncs() int64 { return l.wal.Fsyncs() }

// Bytes is the length of the records of all entries.
func (l *Log) Bytes() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.table.bytes()
}

// BytesAbove is the length of the records of the entries above an index.
func (l *Log) BytesAbove(index uint64) int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.table.bytesAbove(index)
}

// TrailingFor returns how many of the newest entries have records of at most so
// many bytes together: a value for raft's TrailingLogs. It is 0 if the newest
// entry alone is longer.
func (l *Log) TrailingFor(maxBytes int64) uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.table.newest(maxBytes)
}

// Failed is closed when the log is poisoned, so that the owner can end the
// process. Err says why.
func (l *Log) Failed() <-chan struct{} { return l.poison.failed }

// Err is nil while the log is healthy, and the poison afterwards.
func (l *Log) Err() error { return l.poison.get() }

// Close gives up the directory, which it does in any case. The error says that
// the log was poisoned, or is now.
func (l *Log) Close() error {
	l.changes.Lock()
	defer l.changes.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.closed = true
	if err := l.wal.Close(); err != nil {
		return fmt.Errorf("close raft log: %w", err)
	}
	return nil
}

// usable returns why the log takes no changes, or nil. Callers hold changes.
func (l *Log) usable() error {
	if l.closed {
		return ErrClosed
	}
	return l.poison.get()
}

// refused lets errors of the wal pass that have changed nothing, and poisons
// the log for all others.
func (l *Log) refused(doing string, err error) error {
	if errors.Is(err, wal.ErrRecord) || errors.Is(err, wal.ErrNoSpace) {
		return fmt.Errorf("raft log: %s: %w", doing, err)
	}
	return l.poison.fail(doing, err)
}
