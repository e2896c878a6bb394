package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Open opens the history in dir for reading and appending. File and directory
// are forced before anything is read, because after a kill the newest
// decisions may stand in the page cache only.
//
// It fails with ErrNotExist, with ErrLocked after a second, with ErrFormat, and
// with a *DamageError if the meta record and the highest decision are not sound
// or do not fit together. It does not read the whole history; Verify does.
func Open(dir string, opts Options) (*History, error) {
	h := &History{dir: dir, opts: opts}
	if err := h.open((*History).load); err != nil {
		return nil, fmt.Errorf("open %s: %w", h.path(), err)
	}
	return h, nil
}

// OpenReadOnly opens the history of a stopped coordinator for offline tools. It
// changes nothing on disk, and needs only the meta record to be sound, so that
// Verify can list what else is damaged. The errors are those of Open.
func OpenReadOnly(dir string) (*History, error) {
	h := &History{dir: dir, readOnly: true}
	if err := h.open((*History).loadMeta); err != nil {
		return nil, fmt.Errorf("open %s: %w", h.path(), err)
	}
	return h, nil
}

func (h *History) path() string { return filepath.Join(h.dir, FileName) }

func (h *History) open(load func(*History) (*tip, error)) error {
	err := guard("open", h.openFile)
	if err != nil {
		h.letGo() //nolint:errcheck // fails if bbolt has closed the file, which gave up the lock
		return openError(err)
	}
	if err := h.prepare(load); err != nil {
		return errors.Join(err, h.Close())
	}
	return nil
}

// openFile hands bbolt a file that exists and is not empty. bbolt would make a
// new database otherwise.
func (h *History) openFile() (err error) {
	bolt := h.opts.bolt(fileBytes(h.path()))
	bolt.ReadOnly = h.readOnly
	bolt.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		file, err := os.OpenFile(name, flag&^os.O_CREATE, mode)
		if err != nil {
			return nil, err
		}
		if info, err := file.Stat(); err != nil || info.Size() == 0 {
			return nil, errors.Join(err, damaged("file is empty"), file.Close())
		}
		h.file = file
		return file, nil
	}
	h.bolt, err = bbolt.Open(h.path(), 0o600, bolt)
	return err
}

// fileBytes is the size of a file, 0 if that cannot be told.
func fileBytes(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// openError puts the errors of bbolt into the words of this package. What is
// neither a lock nor an error of the system is about the content.
func openError(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotExist
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, ErrDamaged), errors.As(err, &errno):
		return err
	}
	return &DamageError{What: "file is not a bbolt database", Err: err}
}

func (h *History) prepare(load func(*History) (*tip, error)) error {
	if !h.readOnly {
		if err := removeUnfinished(h.dir); err != nil {
			return fmt.Errorf("remove unfinished files: %w", err)
		}
		if err := h.force(); err != nil {
			return fmt.Errorf("force to disk: %w", err)
		}
	}
	t, err := load(h)
	if err != nil {
		return err
	}
	h.tip.Store(t)
	return nil
}

// force makes durable what is about to be read. The meta page in use is written
// once more, as it is: if its sync failed in an earlier process, the kernel may
// take it for clean, and a sync alone would report success for what the disk
// never got. The pages below it were synced before it was written.
func (h *History) force() error {
	var page []byte
	var offset int64
	err := guard("find the meta page", func() error {
		return h.bolt.View(func(tx *bbolt.Tx) error {
			page = make([]byte, h.bolt.Info().PageSize)
			offset = int64(tx.ID()%2) * int64(len(page)) // bbolt alternates between pages 0 and 1
			return nil
		})
	})
	if err != nil {
		return err
	}
	if _, err := h.file.ReadAt(page, offset); err != nil {
		return fmt.Errorf("read meta page: %w", err)
	}
	if _, err := h.file.WriteAt(page, offset); err != nil {
		return fmt.Errorf("rewrite meta page: %w", err)
	}
	if err := h.file.Sync(); err != nil {
		return fmt.Errorf("sync file: %w", err)
	}
	return syncDirectory(h.dir)
}

// loadMeta reads the meta record.
func (h *History) loadMeta() (t *tip, err error) {
	err = h.view("read meta", func(b buckets) error {
		read, err := b.tip()
		t = &read
		return err
	})
	return t, err
}

// load reads the meta record and compares it with the ends of the tables.
func (h *History) load() (t *tip, err error) {
	err = h.view("read meta", func(b buckets) error {
		read, err := b.tip()
		if err != nil {
			return err
		}
		t = &read
		return t.checkEnd(b)
	})
	return t, err
}

// checkEnd completes the tip from the highest decision, after a check that this
// is the one the meta record speaks of.
func (t *tip) checkEnd(b buckets) error {
	var last protocol.Height
	if key, _ := b.heights.Cursor().Last(); key != nil {
		last, _ = decodeHeight(key)
	}
	if last != t.height {
		return damaged("the highest decision is for height %d, the meta record says %d", last, t.height)
	}
	if t.height == 0 {
		return nil
	}
	d, err := b.decision(t.height)
	if err != nil {
		return err
	}
	if d.Root != t.root {
		return damagedAt(t.height, "chain root is %s, the meta record says %s", d.Root, t.root)
	}
	t.attempt = d.Attempt
	return nil
}

// letGo gives up the lock and the descriptor without the help of bbolt, which
// may hang after a crash. The lock would otherwise live as long as the map of
// the file, which stays.
func (h *History) letGo() error {
	if h.file == nil {
		return nil
	}
	err := syscall.Flock(int(h.file.Fd()), syscall.LOCK_UN)
	return errors.Join(err, h.file.Close())
}
