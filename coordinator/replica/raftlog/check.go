package raftlog

import (
	"bytes"
	"fmt"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/wal"
)

// CheckStable looks at the stable store of a stopped coordinator, for tools: that
// it can be read, and that it belongs to the log with an id. It changes nothing.
// The errors are those of OpenStable and Bind.
func CheckStable(dir string, log wal.ID) error {
	path := filepath.Join(dir, StableName)
	s, err := openStableWith(path, &bbolt.Options{Timeout: stableLockWait, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer s.db.Close() //nolint:errcheck // it was opened only to be read
	err = guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error { return checkValues(tx, log) })
	})
	if err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	return nil
}

func checkValues(tx *bbolt.Tx, log wal.ID) error {
	values := tx.Bucket(valuesBucket)
	if values == nil {
		return damaged("there are no values")
	}
	return values.ForEach(func(key, stored []byte) error {
		value, err := open(key, stored)
		if err == nil && bytes.Equal(key, outer(logIDKey)) && !bytes.Equal(value, log[:]) {
			err = fmt.Errorf("%w: the votes belong to log %x, this is log %s", ErrStrangers, value, log)
		}
		return err
	})
}
