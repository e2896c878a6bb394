package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	tidwall "github.com/tidwall/wal"
)

// Log is an open log. It is safe for concurrent use: one mutex orders all that
// touches the files, and a Sync holds it. The methods that only report (First,
// Last, Durable, SizeBytes, Segments, Fsyncs, Err, Repairs, ID) never wait, so they
// answer even while the disk does not.
type Log struct {
	dir     string
	opts    Options
	id      ID
	repairs []Repair
	reserve reserve

	mu       sync.Mutex
	closed   bool
	lock     *os.File
	dirFile  *os.File // for syncs of the directory
	meta     *register
	mark     *register
	tw       *tidwall.Log
	batch    tidwall.Batch
	frame    []byte // reused by encode
	tailSize int64  // bytes in the last segment; tidwall's own count, kept in step

	// Written under mu, read by anyone.
	first    atomic.Uint64
	last     atomic.Uint64 // Invariant: first <= last+1
	durable  atomic.Uint64 // Invariant: durable <= last
	size     atomic.Int64
	segments atomic.Int64
	fsyncs   atomic.Int64
	poison   atomic.Pointer[poison]
}

// poison is the first failure, which stops the log for good.
type poison struct{ err error }

// ID returns the identity of the log.
func (l *Log) ID() ID { return l.id }

// Repairs lists what Open mended, for the caller to report once.
func (l *Log) Repairs() []Repair { return l.repairs }

// First is the sequence of the oldest record, or Last()+1 if there is none.
func (l *Log) First() uint64 { return l.first.Load() }

// Last is the sequence of the newest record, 0 in a new log. The next record
// gets Last()+1, also after all records were trimmed.
func (l *Log) Last() uint64 { return l.last.Load() }

// Durable is the highest sequence that is known to survive a crash.
func (l *Log) Durable() uint64 { return l.durable.Load() }

// SizeBytes is the size of all segment files.
func (l *Log) SizeBytes() int64 { return l.size.Load() }

// Segments is the number of segment files.
func (l *Log) Segments() int { return int(l.segments.Load()) }

// Fsyncs counts how often files of the log and its directory were forced since
// it was opened, by this package and by tidwall/wal. Only making the reserve
// anew is left out, which happens when a disk was full.
func (l *Log) Fsyncs() int64 { return l.fsyncs.Load() }

// Err is nil while the log is healthy, and the poison afterwards: an error
// that is ErrPoisoned and wraps the first failure.
func (l *Log) Err() error {
	if p := l.poison.Load(); p != nil {
		return p.err
	}
	return nil
}

// Close forces what was appended and gives up the directory, which it does in
// any case. The error says that forcing failed, or that the log was poisoned.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	err := l.Err()
	if err == nil {
		err = l.finish()
	}
	l.closed = true
	return errors.Join(err, l.releaseFiles())
}

// finish forces everything, the mark too: after a clean end it is exact even
// if the power fails next.
func (l *Log) finish() error {
	if err := l.syncTail(); err != nil {
		return err
	}
	l.fsyncs.Add(1)
	return l.fail("sync mark", l.mark.force())
}

// releaseFiles closes everything there is to close. The lock goes last.
func (l *Log) releaseFiles() error {
	var errs []error
	if l.tw != nil {
		errs = append(errs, l.closeTidwall())
	}
	for _, r := range []*register{l.meta, l.mark} {
		if r != nil {
			errs = append(errs, r.close())
		}
	}
	for _, f := range []*os.File{l.dirFile, l.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// closeTidwall closes the last segment. What that reports about a poisoned log
// is no news.
func (l *Log) closeTidwall() error {
	err := l.tw.Close()
	if l.Err() != nil {
		return nil
	}
	return err
}

// usable returns why the log takes no work, or nil. Callers hold mu.
func (l *Log) usable() error {
	if l.closed {
		return ErrClosed
	}
	return l.Err()
}

// fail poisons the log if err is not nil, and returns the poison. A full disk
// also costs the reserve, which is what it is there for. Callers hold mu.
func (l *Log) fail(doing string, err error) error {
	if err == nil {
		return nil
	}
	p := &poison{fmt.Errorf("%w: %s: %w", ErrPoisoned, doing, err)}
	l.poison.CompareAndSwap(nil, p)
	if full(err) {
		l.reserve.release()
	}
	return l.Err()
}

// recount takes the sizes from the directory. Callers hold mu, or own l alone.
func (l *Log) recount() error {
	files, err := list(l.dir)
	if err != nil {
		return err
	}
	if len(files.segments) == 0 {
		return fmt.Errorf("no segment files left in %s", filepath.Base(l.dir))
	}
	total := int64(0)
	for _, s := range files.segments {
		total += s.bytes
	}
	l.size.Store(total)
	l.segments.Store(int64(len(files.segments)))
	l.tailSize = files.segments[len(files.segments)-1].bytes
	return nil
}
