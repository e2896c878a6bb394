package wal

import (
	"fmt"
	"os"
	"path/filepath"
)

// MakeDir creates a directory, and those above it that are missing, and forces
// the name of each: what is forced in it later cannot vanish with it. Only the
// owner may enter what it creates. One that is there already is left as it is.
//
// A data directory is made with it before anything is put there: whoever makes
// a log in it finds the directory there, and does not force its name any more.
func MakeDir(dir string) error {
	if isDir(dir) {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MakeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, dirPerms); err != nil && !isDir(dir) { // else somebody was faster
		return fmt.Errorf("create directory: %w", err)
	}
	if err := syncPath(parent); err != nil {
		return fmt.Errorf("sync parent of a new directory: %w", err)
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
