package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// StableName is the name of the stable store inside its directory.
const StableName = "raft.db"

var _ raft.StableStore = (*Stable)(nil)

// Stable holds what raft may never forget: its term and its vote. It is safe
// for concurrent use. All it has written is durable.
type Stable struct {
	db     *bbolt.DB
	poison poison

	mu     sync.Mutex // orders writes and Close
	closed bool
}

// OpenStable opens the stable store in dir, which CreateStable has made. It
// fails with ErrNotExist, with ErrLocked after a second, and with ErrDamaged.
//
// Everything in it is written and forced once more: if a sync failed in an
// earlier process, what is read may never have got to the disk.
func OpenStable(dir string) (*Stable, error) {
	s, err := openStable(filepath.Join(dir, StableName))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Join(dir, StableName), err)
	}
	if err := s.rewrite(); err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Join(dir, StableName), errors.Join(err, s.db.Close()))
	}
	return s, nil
}

// openStable opens a file that exists. bbolt would make one otherwise.
func openStable(path string) (*Stable, error) { return openStableWith(path, stableOptions()) }

func openStableWith(path string, opts *bbolt.Options) (*Stable, error) {
	info, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return nil, ErrNotExist
	case err != nil:
		return nil, err
	case info.Size() == 0:
		return nil, damaged("the file is empty")
	}
	s := &Stable{poison: newPoison()}
	err = guard(func() (err error) {
		s.db, err = bbolt.Open(path, filePerms, opts)
		return err
	})
	return s, openError(err)
}

// rewrite checks all values and writes them again. So every page that they are
// read from is new, and was forced by this process.
func (s *Stable) rewrite() error {
	err := guard(func() error {
		return s.db.Update(func(tx *bbolt.Tx) error {
			values := tx.Bucket(valuesBucket)
			if values == nil {
				return damaged("there are no values")
			}
			all := map[string][]byte{}
			err := values.ForEach(func(key, stored []byte) error {
				_, err := open(key, stored)
				all[string(key)] = bytes.Clone(stored)
				return err
			})
			if err != nil {
				return err
			}
			if format := all[string(formatKey)]; !bytes.Equal(format, seal(formatKey, format1)) {
				return damaged("the format is not known to this release")
			}
			for key, stored := range all {
				if err := values.Put([]byte(key), stored); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(s.db.Path()))
}

// Set stores a value, durably. A failure poisons the store.
//
// It commits twice. bbolt has two meta pages, which it writes in turn, and goes
// back to the older one without a word if the newer one is damaged. So both
// have to lead to the value: a vote must not be forgotten like that.
func (s *Stable) Set(key, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	for range 2 {
		if err := s.put(outer(key), seal(outer(key), value)); err != nil {
			return s.poison.fail("store a vote or term", err)
		}
	}
	return nil
}

func (s *Stable) put(key, stored []byte) error {
	return guard(func() error {
		return s.db.Update(func(tx *bbolt.Tx) error {
			return tx.Bucket(valuesBucket).Put(key, stored)
		})
	})
}

// Get returns a value that the caller owns, nil if the key was never set. One
// that was set to nothing is empty and not nil: raft tells a vote by that.
func (s *Stable) Get(key []byte) (value []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, err
	}
	err = guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			stored := tx.Bucket(valuesBucket).Get(outer(key))
			if stored == nil {
				return nil
			}
			opened, err := open(outer(key), stored)
			value = append([]byte{}, opened...)
			return err
		})
	})
	if err != nil {
		return nil, s.poison.fail("read a vote or term", err)
	}
	return value, nil
}

// SetUint64 stores a number, durably.
func (s *Stable) SetUint64(key []byte, value uint64) error {
	return s.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 returns a number, 0 if the key was never set.
func (s *Stable) GetUint64(key []byte) (uint64, error) {
	value, err := s.Get(key)
	if err != nil || value == nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, s.poison.fail("read a number", damaged("%q has %d bytes, not 8", key, len(value)))
	}
	return binary.BigEndian.Uint64(value), nil
}

// Failed is closed when the store is poisoned, so that the owner can end the
// process. Err says why.
func (s *Stable) Failed() <-chan struct{} { return s.poison.failed }

// Err is nil while the store is healthy, and the poison afterwards.
func (s *Stable) Err() error { return s.poison.get() }

// Close gives up the file.
func (s *Stable) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.closed = true
	return s.db.Close()
}

func (s *Stable) usable() error {
	if s.closed {
		return ErrClosed
	}
	return s.poison.get()
}
