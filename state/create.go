package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"
)

// newFilePrefix begins the names of databases that are being made. Open removes
// what a crash left of them.
const newFilePrefix = FileName + ".new-"

// Create makes the database of an empty shard with the given checkpoint, which
// is durable when Create returns. The directory must exist. The database
// appears whole or not at all, and a database that exists is never touched
// (ErrExist).
func Create(dir string, cp Checkpoint, opts Options) error {
	if err := create(dir, cp, opts); err != nil {
		return fmt.Errorf("create %s: %w", filepath.Join(dir, FileName), err)
	}
	return nil
}

func create(dir string, cp Checkpoint, opts Options) error {
	final := filepath.Join(dir, FileName)
	if _, err := os.Lstat(final); err == nil {
		return ErrExist
	}
	temporary, err := reserveName(dir)
	if err != nil {
		return err
	}
	defer os.Remove(temporary) //nolint:errcheck // it was removed, or the next start does
	if err := writeEmpty(temporary, cp, opts); err != nil {
		return err
	}
	// A link, unlike a rename, fails if the name has been taken meanwhile.
	if err := os.Link(temporary, final); errors.Is(err, fs.ErrExist) {
		return ErrExist
	} else if err != nil {
		return err
	}
	if err := os.Remove(temporary); err != nil {
		return fmt.Errorf("remove temporary name: %w", err)
	}
	return syncDirectory(dir)
}

// reserveName makes an empty file of mode 0600 and gives its path.
func reserveName(dir string) (string, error) {
	f, err := os.CreateTemp(dir, newFilePrefix+"*")
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// writeEmpty fills the empty file at path and forces it.
func writeEmpty(path string, cp Checkpoint, opts Options) error {
	opts.ReadOnly = false
	bolt := opts.bolt(0)
	bolt.InitialMmapSize = 0 // small for a moment: a large map makes bbolt extend the file
	db, err := bbolt.Open(path, 0o600, bolt)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{metaBucket, pairsBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return fmt.Errorf("create bucket %s: %w", name, err)
			}
		}
		return putCheckpoint(tx, cp)
	})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	if err := db.Close(); err != nil {
		return err
	}
	return syncFile(path)
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// removeTemporary clears away what a crash in Create left. The files may be
// second names of the database itself; removing a name does not harm it.
func removeTemporary(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), newFilePrefix) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
