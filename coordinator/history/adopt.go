package history

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Adopt puts a history that came from another coordinator, as a file at path in
// the same file system, in the place of the one in dir, if there is one; nobody
// has either open. at is where the log of this coordinator continues it. The
// change is durable when Adopt returns; after a crash there is the old history or
// the new one as a whole, and the file may be left at path.
//
// A history of another cluster is ErrForeign, one that ends below lowest is
// ErrOrder; then nothing has changed in dir.
func Adopt(dir, path string, cluster protocol.ClusterID, lowest protocol.Height, at LogPosition) error {
	if err := rebase(path, cluster, lowest, at); err != nil {
		return fmt.Errorf("adopt the history %s: %w", path, err)
	}
	if err := os.Rename(path, filepath.Join(dir, FileName)); err != nil {
		return fmt.Errorf("put the history in its place: %w", err)
	}
	return syncDirectory(dir)
}

// rebase checks a history and changes where its log continues it.
func rebase(path string, cluster protocol.ClusterID, lowest protocol.Height, at LogPosition) error {
	return guard("adopt", func() error {
		bolt := Options{}.bolt(fileBytes(path))
		bolt.InitialMmapSize = 0 // bbolt grows the file along with a large map
		db, err := bbolt.Open(path, 0o600, bolt)
		if err != nil {
			return openError(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			b, err := bucketsOf(tx)
			if err != nil {
				return err
			}
			t, err := b.tip()
			if err != nil {
				return err
			}
			if err := t.checkEnd(b); err != nil {
				return err
			}
			switch {
			case t.meta.Config.Cluster != cluster:
				return fmt.Errorf("it is of cluster %s, not %s: %w", t.meta.Config.Cluster, cluster, ErrForeign)
			case t.height < lowest:
				return fmt.Errorf("it ends at height %d, wanted up to %d: %w", t.height, lowest, ErrOrder)
			}
			t.meta.Log = at
			return b.putTip(t)
		})
		return errors.Join(err, db.Close())
	})
}

// Copy gives a copy of the history as it is now, for Adopt: its exact size in
// bytes, and a reader that holds a read transaction until it is closed.
func (h *History) Copy() (size int64, r io.ReadCloser, err error) {
	if err := h.Err(); err != nil {
		return 0, nil, err
	}
	tx, err := h.bolt.Begin(false)
	if err != nil {
		return 0, nil, fmt.Errorf("copy the history: %w", err)
	}
	return tx.Size(), newCopying(tx), nil
}
