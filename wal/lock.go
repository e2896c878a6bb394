package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// acquire makes this process the owner of the directory until the returned
// file is closed or the process ends, however it ends. It does not wait:
// ErrLocked means that there is another owner.
func acquire(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, filePerms)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := hold(f, path); err != nil {
		f.Close() //nolint:errcheck // nothing was written, and who holds the lock counts
		return nil, err
	}
	return f, nil
}

func hold(f *os.File, path string) error {
	err := flock(f)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%w: %s", ErrLocked, filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("lock log directory: %w", err)
	}
	// A lock on a file that was replaced since protects nothing.
	named, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at lock file: %w", err)
	}
	held, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at lock file: %w", err)
	}
	if !os.SameFile(named, held) {
		return fmt.Errorf("%w: lock file was replaced in %s", ErrLocked, filepath.Dir(path))
	}
	return nil
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			return err
		}
	}
}
