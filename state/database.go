package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

var (
	metaBucket    = []byte("meta")
	pairsBucket   = []byte("pairs")
	checkpointKey = []byte("checkpoint")
)

// database is an open bbolt file and its descriptor. bbolt keeps the
// descriptor to itself; we need it to force the file, and to close it when
// bbolt panics on a damaged one.
type database struct {
	*bbolt.DB
	file   *os.File
	dir    string
	wedged bool // bbolt panicked while writing, and may hold its locks for good
	fsyncs atomic.Int64
}

// Close closes the file. A wedged database is only let go of: its map stays,
// since views may look at it.
func (db *database) Close() error {
	if db.wedged {
		return db.letGo()
	}
	return db.DB.Close()
}

// letGo unlocks and closes the file. It unlocks first: the map of a bbolt that
// panicked keeps the file open, and so its lock.
func (db *database) letGo() error {
	return errors.Join(unix.Flock(int(db.file.Fd()), unix.LOCK_UN), db.file.Close())
}

// openDatabase opens the file in dir and forces it and the directory, so that
// whatever is read afterwards is durable: after a kill the newest checkpoint
// may stand in the page cache only.
func openDatabase(dir string, opts Options) (*database, error) {
	db := &database{dir: dir}
	if err := db.open(opts); err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Join(dir, FileName), err)
	}
	if err := db.checkLength(); err != nil {
		return nil, closeAfter(fmt.Errorf("open %s: %w", db.file.Name(), err), db)
	}
	if opts.ReadOnly {
		return db, nil
	}
	if err := db.force(); err != nil {
		return nil, closeAfter(fmt.Errorf("force %s: %w", db.file.Name(), err), db)
	}
	return db, nil
}

func (db *database) open(opts Options) error {
	path := filepath.Join(db.dir, FileName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotExist
	}
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return &DamageError{What: "file is empty"} // bbolt would make a new database of it
	}
	bolt := opts.bolt(info.Size())
	bolt.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		file, err := os.OpenFile(name, flag&^os.O_CREATE, mode)
		db.file = file
		return file, err
	}
	err = guard("open", func() (err error) {
		db.DB, err = bbolt.Open(path, 0o600, bolt)
		return err
	})
	if errors.Is(err, ErrDamaged) && db.file != nil {
		_ = db.letGo() // bbolt panicked, perhaps
	}
	return openError(err)
}

// openError puts the errors of bbolt.Open into the words of this package. What
// is neither a lock nor an error of the system is about the content.
func openError(err error) error {
	var errno syscall.Errno
	switch {
	case err == nil, errors.Is(err, ErrDamaged), errors.As(err, &errno):
		return err
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrLocked
	}
	return &DamageError{What: "not a bbolt database", Err: err}
}

// force makes durable what was read. The two meta pages are first written
// again, byte for byte: if their last sync failed in an earlier process, the
// page cache may hold them as clean although the disk never got them, and a
// sync alone would do nothing and report success.
func (db *database) force() error {
	page := make([]byte, db.Info().PageSize)
	for i := range int64(2) {
		offset := i * int64(len(page))
		if _, err := db.file.ReadAt(page, offset); err != nil {
			return fmt.Errorf("read meta page %d: %w", i, err)
		}
		if _, err := db.file.WriteAt(page, offset); err != nil {
			return fmt.Errorf("rewrite meta page %d: %w", i, err)
		}
	}
	if err := db.file.Sync(); err != nil {
		return fmt.Errorf("sync file: %w", err)
	}
	return syncDirectory(db.dir)
}

// checkLength finds a file that was cut: reading past its end is a memory fault.
func (db *database) checkLength() error {
	tx, err := db.Begin(false)
	if err != nil {
		return fmt.Errorf("begin read transaction: %w", err)
	}
	defer tx.Rollback()
	info, err := db.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return &DamageError{What: fmt.Sprintf("file has %d bytes, its pages need %d", info.Size(), tx.Size())}
	}
	return nil
}

// readCheckpoint reads and verifies the meta record.
func readCheckpoint(db *database) (cp Checkpoint, err error) {
	s, err := openSnapshot(db)
	if err != nil {
		return Checkpoint{}, err
	}
	defer s.close()
	err = guard("read checkpoint", func() error {
		record, err := checkpointRecord(s.tx)
		if err != nil {
			return err
		}
		cp, err = decodeCheckpoint(record)
		return err
	})
	return cp, err
}

// closeAfter closes the database because of err, and gives both errors.
func closeAfter(err error, db *database) error { return errors.Join(err, db.Close()) }

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// guard calls into bbolt and turns a panic or a memory fault there into a
// *DamageError: bbolt trusts its pages, so a damaged one can send it out of
// bounds or past the end of the mapped file.
func guard(what string, fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recoverDamage(what, &err)
	return fn()
}

// recoverDamage is to be deferred directly by a function in which
// debug.SetPanicOnFault is on.
func recoverDamage(what string, err *error) {
	if p := recover(); p != nil {
		*err = &DamageError{What: fmt.Sprintf("%s: broken page: %v", what, p)}
	}
}
