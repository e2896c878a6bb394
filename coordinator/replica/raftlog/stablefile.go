package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	filePerms       = 0o600
	stableLockWait  = time.Second
	unfinishedName  = StableName + ".new"
	sumBytes        = 4
	outerKeyPrefix  = 'k'
	formatKeyString = "format"
)

var (
	valuesBucket = []byte("raft")
	formatKey    = []byte(formatKeyString)
	format1      = []byte{1}
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
)

func stableOptions() *bbolt.Options {
	return &bbolt.Options{Timeout: stableLockWait}
}

// CreateStable makes an empty stable store in a directory that exists. It is
// durable when CreateStable returns; after a crash it is there as a whole or not
// at all. One that exists is left alone: ErrExist. It must only be called for a
// coordinator that has never voted.
func CreateStable(dir string) error {
	if err := createStable(dir); err != nil {
		return fmt.Errorf("create %s: %w", filepath.Join(dir, StableName), err)
	}
	return nil
}

func createStable(dir string) error {
	unfinished, name := filepath.Join(dir, unfinishedName), filepath.Join(dir, StableName)
	if _, err := os.Lstat(name); err == nil {
		return ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(unfinished); err != nil { // of a crash
		return err
	}
	db, err := bbolt.Open(unfinished, filePerms, stableOptions())
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		values, err := tx.CreateBucket(valuesBucket)
		if err != nil {
			return err
		}
		return values.Put(formatKey, seal(formatKey, format1))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Rename(unfinished, name); err != nil {
		return err
	}
	return syncDirectory(dir)
}

// outer is the key in the file for a key of raft.
func outer(key []byte) []byte { return append([]byte{outerKeyPrefix}, key...) }

// seal puts a sum over key and value in front of a value, which bbolt lacks.
func seal(key, value []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, sumOf(key, value)), value...)
}

// open checks what seal has made, and returns the value, which aliases it.
func open(key, stored []byte) ([]byte, error) {
	if len(stored) < sumBytes {
		return nil, damaged("the value of %q is too short", key)
	}
	value := stored[sumBytes:]
	if binary.BigEndian.Uint32(stored) != sumOf(key, value) {
		return nil, damaged("the value of %q does not match its checksum", key)
	}
	return value, nil
}

func sumOf(key, value []byte) uint32 {
	length := binary.BigEndian.AppendUint32(nil, uint32(len(key)))
	sum := crc32.Checksum(length, castagnoli)
	return crc32.Update(crc32.Update(sum, castagnoli, key), castagnoli, value)
}

// guard runs fn and turns a panic or a memory fault inside bbolt, which a
// damaged page can cause, into ErrDamaged. Locks of bbolt may be held for good.
func guard(fn func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if cause := recover(); cause != nil {
			err = damaged("broken page: %v", cause)
		}
	}()
	return fn()
}

// openError puts the errors of bbolt into the words of this package. What is
// neither a lock nor an error of the system is about the content.
func openError(err error) error {
	var errno syscall.Errno
	switch {
	case err == nil, errors.Is(err, ErrDamaged), errors.As(err, &errno):
		return err
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrLocked
	}
	return damaged("the file is no bbolt database: %v", err)
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
