package hostile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/wal"
)

// used gives a folder with the data directories of a cluster that has run.
func used(t *testing.T) string {
	folder := t.TempDir()
	t.Run("run", func(t *testing.T) {
		c := newTownIn(t, folder)
		c.goesOn()
		c.restart()
		c.goesOn()
	})
	return folder
}

// opens opens a data directory as its daemon does, and closes it.
func opens(dir string) error {
	if filepath.Base(dir) == "coordinator" {
		c, err := coordinator.Open(coordinator.Options{Directory: dir, MinFreeBytes: -1})
		if err == nil {
			err = c.Close()
		}
		return err
	}
	s, err := executor.Open(executor.Options{Directory: dir, Coordinators: []string{"127.0.0.1:1"}, Machine: copier{}, MinFreeBytes: -1})
	if err == nil {
		err = s.Close()
	}
	return err
}

// TestFilesAreForTheirOwnerAlone looks at everything that a cluster has made.
func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	folder := used(t)
	files := 0
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = fs.ModeDir | 0o700
		}
		if files++; info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Errorf("%d files, %v", files, err)
	}
}

// TestWhatIsNoFileIsNotOpened: every file of a data directory is replaced, one after
// the other, by a link to it, by a pipe, and by a folder. Nobody starts on that, waits
// for it, or touches what the link leads to.
func TestWhatIsNoFileIsNotOpened(t *testing.T) {
	folder, elsewhere := used(t), t.TempDir()
	for _, name := range []string{"coordinator", "shard0"} {
		dir := filepath.Join(folder, name)
		for _, path := range everything(t, dir) {
			aside := filepath.Join(elsewhere, "aside")
			for kind, place := range map[string]func() error{
				"link":   func() error { return os.Symlink(aside, path) },
				"pipe":   func() error { return syscall.Mkfifo(path, 0o600) },
				"folder": func() error { return os.Mkdir(path, 0o700) },
			} {
				if isFolder(t, path) && kind == "folder" {
					continue
				}
				move(t, path, aside)
				before := describe(t, aside)
				if err := place(); err != nil {
					t.Fatal(err)
				}
				err := opens(dir)
				if kind != "folder" && !errors.Is(err, wal.ErrNotPlain) || kind == "folder" && err == nil && !spare(path) {
					t.Errorf("a %s in place of %s: %v", kind, path, err)
				}
				if kind != "folder" && !errors.Is(err, executor.ErrMismatch) && !errors.Is(err, coordinator.ErrMismatch) {
					t.Errorf("no refusal of a data directory: %v", err)
				}
				if after := describe(t, aside); after != before {
					t.Errorf("a %s in place of %s: what it led to was %s, and is %s", kind, path, before, after)
				}
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
				move(t, aside, path)
			}
		}
		if err := opens(dir); err != nil {
			t.Errorf("with everything back in its place: %v", err)
		}
	}
}

// spare tells of files that a start can do without: room that is given up when the
// disk is full.
func spare(path string) bool { return strings.HasSuffix(path, "RESERVE") }

func everything(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) < 3 {
		t.Fatalf("%s holds %v: %v", dir, paths, err)
	}
	return paths
}

func isFolder(t *testing.T, path string) bool {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.IsDir()
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// describe tells what a file or folder is, and when it was changed.
func describe(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fs.FormatFileInfo(info) + info.ModTime().String()
}

// TestTheDirectoryItselfMayBeNamedThroughALink, for that is how it is moved to another
// disk.
func TestTheDirectoryItselfMayBeNamedThroughALink(t *testing.T) {
	folder := used(t)
	for _, name := range []string{"coordinator", "shard0"} {
		real := filepath.Join(folder, "moved-"+name)
		move(t, filepath.Join(folder, name), real)
		if err := os.Symlink(real, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
		if err := opens(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
}

// TestOneOwner: a second daemon is refused while the first is there, also through a
// link, and what a dead one has left is no hindrance.
func TestOneOwner(t *testing.T) {
	folder := t.TempDir()
	t.Run("run", func(t *testing.T) {
		c := newTownIn(t, folder)
		c.goesOn()
		for _, name := range []string{"coordinator", "shard0"} {
			dir := filepath.Join(folder, name)
			link := filepath.Join(t.TempDir(), name)
			if err := os.Symlink(dir, link); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{dir, link} {
				if err := opens(path); err == nil || !strings.Contains(err.Error(), "another process") {
					t.Errorf("a second daemon on %s: %v", path, err)
				}
			}
		}
		c.goesOn()
	})
	for _, name := range []string{"coordinator", "shard0"} {
		if err := opens(filepath.Join(folder, name)); err != nil {
			t.Errorf("%s, with the lock files that are left: %v", name, err)
		}
	}
}
