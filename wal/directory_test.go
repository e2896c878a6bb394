package wal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestMakeDir(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "a", "b", "c")
	must(t, MakeDir(dir))
	for _, made := range []string{dir, filepath.Dir(dir)} {
		if info, err := os.Stat(made); err != nil || info.Mode() != fs.ModeDir|dirPerms {
			t.Errorf("%s: %v, %v", made, info, err)
		}
	}
	must(t, os.Chmod(dir, 0o750))
	must(t, os.Symlink(dir, filepath.Join(base, "link")))
	must(t, MakeDir(filepath.Join(base, "link")))
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("a directory that was there: %v, %v", info, err)
	}
	t.Chdir(base)
	must(t, MakeDir("x/y/"))
	if !isDir(filepath.Join(base, "x", "y")) {
		t.Error("a relative name made nothing")
	}
}

// TestMakeDirRefusesAFile: in the place of the directory, and above it.
func TestMakeDirRefusesAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if err := MakeDir(file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file: %v", err)
	}
	if err := MakeDir(filepath.Join(file, "below")); !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("below a file: %v", err)
	}
}
