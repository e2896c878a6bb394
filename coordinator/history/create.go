package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// unfinishedPrefix begins the names of files that Create has not finished.
const unfinishedPrefix = FileName + ".new-"

// Create makes an empty history with the given meta in a directory that exists.
// It is durable when Create returns; after a crash it is there as a whole or
// not at all. An existing history is left alone: ErrExist. A meta without a
// configuration, or one that contradicts itself, is ErrInvalid.
func Create(dir string, meta Meta, opts Options) error {
	if err := create(dir, meta, opts); err != nil {
		return fmt.Errorf("create %s: %w", filepath.Join(dir, FileName), err)
	}
	return nil
}

func create(dir string, meta Meta, opts Options) error {
	if err := meta.validate(); err != nil {
		return err
	}
	if _, err := protocol.DecodeConfig(meta.Config.Encode()); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err) // no later Open could read it
	}
	name := filepath.Join(dir, FileName)
	if _, err := os.Lstat(name); err == nil {
		return ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	unfinished, err := os.CreateTemp(dir, unfinishedPrefix+"*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(unfinished.Name()) //nolint:errcheck // publish has removed it, or the next start does
	defer unfinished.Close()           //nolint:errcheck // Sync tells what became of it
	if err := fillEmpty(unfinished.Name(), meta, opts); err != nil {
		return err
	}
	if err := unfinished.Sync(); err != nil {
		return fmt.Errorf("sync new file: %w", err)
	}
	return publish(unfinished.Name(), name)
}

// fillEmpty writes a history of height 0 into an empty file.
func fillEmpty(path string, meta Meta, opts Options) error {
	bolt := opts.bolt(0)
	bolt.InitialMmapSize = 0 // bbolt grows the file along with a large map
	db, err := bbolt.Open(path, 0o600, bolt)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := createBuckets(tx)
		if err != nil {
			return err
		}
		return b.putTip(tip{meta: meta})
	})
	return errors.Join(err, db.Close())
}

// publish gives a finished file its name. Unlike a rename, a link fails if the
// name was taken in the meantime.
func publish(unfinished, name string) error {
	if err := os.Link(unfinished, name); errors.Is(err, fs.ErrExist) {
		return ErrExist
	} else if err != nil {
		return fmt.Errorf("name new file: %w", err)
	}
	if err := os.Remove(unfinished); err != nil {
		return fmt.Errorf("remove temporary name: %w", err)
	}
	return syncDirectory(filepath.Dir(name))
}

// removeUnfinished removes what a crash in Create has left, which may be a
// second name of the history itself.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), unfinishedPrefix) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

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
