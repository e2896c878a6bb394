package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	tidwall "github.com/tidwall/wal"
)

// Open opens the log in dir, and creates both if there is none. It reads and
// verifies every record first, mends what it can prove to be of no value (see
// Repairs), and forces all files and the directory before it returns: what is
// readable in an open log is durable.
//
// It refuses with ErrLocked if the directory has an owner, with ErrDamaged or
// ErrFormat if it finds anything else than a log with everything acknowledged
// in it; then nothing was changed. Any other error is one of the operating
// system, for example a full disk, and Open may be tried again.
func Open(dir string, opts Options) (*Log, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("wal: %w", err)
	}
	if err := MakeDir(dir); err != nil {
		return nil, err
	}
	l := &Log{dir: dir, opts: opts}
	l.reserve = reserve{filepath.Join(dir, reserveName), opts.ReserveBytes, opts.FloorBytes}
	if err := l.open(); err != nil {
		return nil, errors.Join(err, l.releaseFiles())
	}
	return l, nil
}

// open goes from the directory to a log that takes work.
func (l *Log) open() (err error) {
	if l.lock, err = acquire(l.dir); err != nil {
		return err
	}
	p, err := l.prepare()
	if err != nil {
		return err
	}
	l.id = p.id
	if err := l.openRegisters(p); err != nil {
		return err
	}
	if err := l.reserve.retry(p.rollFullTail(l.opts)); err != nil {
		return err
	}
	if err := l.openTidwall(p.chain); err != nil {
		return err
	}
	l.reserve.establish()
	return l.recount()
}

// prepare brings the files into a state without doubts: a log, sound from end
// to end, nothing else beside it, and all of it on the disk.
func (l *Log) prepare() (*plan, error) {
	var p *plan
	err := l.reserve.retry(func() (err error) {
		if p, err = examine(l.dir); err != nil {
			return err
		}
		if p.blank {
			if p, err = create(p); err != nil {
				return fmt.Errorf("create log: %w", err)
			}
		}
		l.repairs, err = p.mend()
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, p.force()
}

// openRegisters opens META and MARK, and writes to both what is true now: the
// log begins at its first record, so nothing before it will be missed and
// nothing after it may be; and all of it is durable.
func (l *Log) openRegisters(p *plan) (err error) {
	if l.dirFile, err = os.Open(p.dir); err != nil {
		return fmt.Errorf("open log directory: %w", err)
	}
	if l.meta, err = openRegister(p.path(metaName), metaKind, p.meta); err != nil {
		return err
	}
	if err := l.meta.store(p.chain.first()); err != nil {
		return err
	}
	if err := l.meta.force(); err != nil {
		return err
	}
	mark, err := readSlot(p.path(markName), markKind)
	if err != nil {
		return err
	}
	if l.mark, err = openRegister(p.path(markName), markKind, mark); err != nil {
		return err
	}
	return l.mark.store(p.chain.last)
}

// rollFullTail begins a new segment if the last one has its size already: the
// crash came before that, or the size was another. Otherwise tidwall/wal would
// begin it in the middle of an append, before the directory can be forced.
func (p *plan) rollFullTail(opts Options) func() error {
	return func() error {
		if p.chain.tail().bytes < int64(opts.SegmentBytes) {
			return nil
		}
		next := segment{first: p.chain.last + 1, name: segmentName(p.chain.last + 1)}
		if err := writeFile(p.path(next.name), nil); err != nil {
			return fmt.Errorf("begin segment: %w", err)
		}
		if err := syncPath(p.dir); err != nil {
			return fmt.Errorf("sync log directory: %w", err)
		}
		p.chain.files = append(p.chain.files, next)
		return nil
	}
}

func (l *Log) openTidwall(c chain) (err error) {
	l.tw, err = tidwall.Open(l.dir, &tidwall.Options{
		NoSync:           true, // Sync decides
		SegmentSize:      l.opts.SegmentBytes,
		SegmentCacheSize: 2,    // for two replays at a time
		NoCopy:           true, // Replay copies
		AllowEmpty:       true,
		DirPerms:         dirPerms,
		FilePerms:        filePerms,
	})
	if err != nil {
		return fmt.Errorf("open verified log: %w", err)
	}
	first, err1 := l.tw.FirstIndex()
	last, err2 := l.tw.LastIndex()
	if err1 != nil || err2 != nil || first != c.first() || last != c.last {
		return fmt.Errorf("open verified log: found records %d to %d, verified %d to %d (%w)",
			first, last, c.first(), c.last, errors.Join(err1, err2))
	}
	l.first.Store(first)
	l.last.Store(last)
	l.durable.Store(last)
	return nil
}
