package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNotPlain is wrapped when a directory holds something that nobody of ours
// has put there: a symbolic link, a named pipe, a socket or a device.
var ErrNotPlain = errors.New("not a plain file")

// CheckPlain refuses a data directory in which anything but plain files and
// folders stands, at its top and in the folders named. Whoever opens files
// there calls it first: opening a pipe would wait for ever, and writing through
// a link would change a file somewhere else. It opens none of them.
//
// The directory itself may be named through a symbolic link. A directory or
// folder that does not exist has nothing to be refused for.
func CheckPlain(dir string, folders ...string) error {
	if err := checkPlain(dir); err != nil {
		return err
	}
	for _, name := range folders {
		folder := filepath.Join(dir, name)
		info, err := os.Lstat(folder)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%w: %s should be a folder: bring the folder back that was there", ErrNotPlain, folder)
		}
		if err := checkPlain(folder); err != nil {
			return err
		}
	}
	return nil
}

func checkPlain(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list the data directory: %w", err)
	}
	for _, e := range entries {
		if kind := unusual(e.Type()); kind != "" {
			return fmt.Errorf("%w: %s is %s: take it away, and bring the file back that was there, if there was one",
				ErrNotPlain, filepath.Join(dir, e.Name()), kind)
		}
	}
	return nil
}

// unusual names a kind of file that does not belong into a data directory, or
// gives "" for those that do.
func unusual(kind fs.FileMode) string {
	switch {
	case kind.IsRegular(), kind.IsDir():
		return ""
	case kind&fs.ModeSymlink != 0:
		return "a symbolic link"
	case kind&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case kind&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}
