package wal

import "fmt"

// Free space in bytes that a trim wants.
const (
	trimSlack  = 64 << 10 // beyond the copy that it makes
	emptyBytes = 4 << 10  // to empty the log: a new name may need a block of the directory
)

// TrimFront drops the records below keep. keep may be Last()+1, which empties
// the log; the sequence goes on. Below First it does nothing; beyond Last()+1
// it is ErrRange.
//
// It forces what was appended, and is durable when it returns. It copies the
// segment that holds keep from there on, so it needs free space of up to one
// segment; to empty the log, of a block. If that is lacking even after the
// reserve was given up, it is ErrNoSpace. An error that is not ErrPoisoned
// leaves the log as it was.
func (l *Log) TrimFront(keep uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	last := l.last.Load()
	if keep > last+1 {
		return fmt.Errorf("%w: trim below %d, the last is %d", ErrRange, keep, last)
	}
	if keep <= l.first.Load() {
		return nil
	}
	if err := l.makeRoom(keep, last); err != nil {
		return err
	}
	if err := l.syncTail(); err != nil {
		return err
	}
	err := l.trim(keep)
	l.reserve.establish()
	return err
}

// makeRoom sees to it that what a trim writes fits on the disk, at the cost of
// the reserve if need be.
func (l *Log) makeRoom(keep, last uint64) error {
	need := int64(emptyBytes)
	if keep <= last {
		files, err := list(l.dir)
		if err != nil {
			return err
		}
		need = files.holding(keep).bytes + trimSlack
	}
	fits, err := l.reserve.fits(need)
	if err == nil && !fits && l.reserve.release() {
		fits, err = l.reserve.fits(need)
	}
	if err != nil {
		return fmt.Errorf("make room for a trim: %w", err)
	}
	if !fits {
		return fmt.Errorf("%w: trim writes up to %d bytes", ErrNoSpace, need)
	}
	return nil
}

// trim writes the floor first. Whatever files a crash leaves after that, Open
// knows that records below it need not be there, and that all others must.
func (l *Log) trim(keep uint64) error {
	l.fsyncs.Add(3) // of the floor, of the copy that tidwall/wal makes, of the directory
	if err := l.meta.store(keep); err != nil {
		return l.fail("trim", err)
	}
	if err := l.meta.force(); err != nil {
		return l.fail("trim", err)
	}
	if err := l.tw.TruncateFront(keep); err != nil {
		return l.fail("trim", err)
	}
	if err := l.dirFile.Sync(); err != nil {
		return l.fail("trim: sync log directory", err)
	}
	l.first.Store(keep)
	return l.fail("trim", l.recount())
}
