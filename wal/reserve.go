package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// FreeBytes is the space that the file system of dir has left for everybody.
// A process with the rights of root may have more, one with a quota less.
func FreeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("ask for free space: %w", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:G115 // no file system has that many blocks
}

// full reports whether err says that there is no space.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// reserve is a file of zeros that can be given up for its space.
type reserve struct {
	path  string
	bytes int64 // 0: there is to be none
	floor int64 // free space that must remain beside it
}

// establish creates the reserve if it is wanted, not there, and fits twice:
// a disk that is nearly full has better use for the space. That it could not
// be made is no error, for it protects nothing that is on the disk already.
func (r reserve) establish() {
	if r.bytes == 0 {
		r.release()
		return
	}
	if info, err := os.Stat(r.path); err == nil && info.Size() == r.bytes {
		return
	}
	r.release()
	free, err := FreeBytes(filepath.Dir(r.path))
	if err != nil || free < 2*r.bytes+r.floor {
		return
	}
	if err := writeZeros(r.path, r.bytes); err != nil {
		r.release()
	}
}

// fits reports whether so many bytes can be written beside the reserve. Where
// the file system does not promise it, it is tried, because a write that runs
// out of space would poison the log.
func (r reserve) fits(bytes int64) (bool, error) {
	free, err := FreeBytes(filepath.Dir(r.path))
	if err != nil || free >= bytes {
		return err == nil, err
	}
	probe := r.path + tempSuffix
	err = writeZeros(probe, bytes)
	os.Remove(probe) //nolint:errcheck // Open removes it too
	if full(err) {
		return false, nil
	}
	return err == nil, err
}

// writeZeros makes a file of zeros. It writes them rather than asking for empty
// blocks, because every file system can do that.
func writeZeros(path string, bytes int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, filePerms)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // Sync tells what became of the data
	zeros := make([]byte, 1<<20)
	for left := bytes; left > 0; left -= int64(len(zeros)) {
		if _, err := f.Write(zeros[:min(left, int64(len(zeros)))]); err != nil {
			return err
		}
	}
	return f.Sync()
}

// release gives the space back and reports whether there was any.
func (r reserve) release() bool {
	return os.Remove(r.path) == nil
}

// retry runs do, and once more if it found the disk full and there was a
// reserve to give up. So do must be able to start over.
func (r reserve) retry(do func() error) error {
	err := do()
	if err != nil && full(err) && r.release() {
		return do()
	}
	return err
}
