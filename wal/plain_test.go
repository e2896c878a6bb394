package wal

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestCheckPlain(t *testing.T) {
	for kind, place := range map[string]func(path string) error{
		"a symbolic link": func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a named pipe":    func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a socket": func(path string) error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err == nil {
				l.SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		},
	} {
		for _, where := range []string{"x", "log/x"} {
			t.Run(kind+" "+where, func(t *testing.T) {
				t.Chdir(t.TempDir()) // a socket's path is short
				makeFolders(t, "log", "other")
				if err := os.WriteFile("log/META", nil, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := CheckPlain(".", "log", "snapshots"); err != nil {
					t.Fatalf("nothing is wrong: %v", err)
				}
				if err := place(where); err != nil {
					t.Fatal(err)
				}
				err := CheckPlain(".", "log", "snapshots")
				if !errors.Is(err, ErrNotPlain) || !strings.Contains(err.Error(), where+" is "+kind) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestCheckPlainOfFolders(t *testing.T) {
	dir := t.TempDir()
	makeFolders(t, filepath.Join(dir, "data", "log"), filepath.Join(dir, "elsewhere"))
	link := filepath.Join(dir, "link")
	if err := os.Symlink("data", link); err != nil {
		t.Fatal(err)
	}
	if err := CheckPlain(link, "log"); err != nil {
		t.Errorf("the directory itself may be a link: %v", err)
	}
	if err := CheckPlain(filepath.Join(dir, "nothing"), "log"); err != nil {
		t.Errorf("what does not exist yet: %v", err)
	}
	if err := os.Symlink("../elsewhere", filepath.Join(dir, "data", "snapshots")); err != nil {
		t.Fatal(err)
	}
	if err := CheckPlain(link, "log"); !errors.Is(err, ErrNotPlain) {
		t.Errorf("a folder that is a link: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "elsewhere", "log"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CheckPlain(filepath.Join(dir, "elsewhere"), "log"); !errors.Is(err, ErrNotPlain) {
		t.Errorf("a file in place of a folder: %v", err)
	}
}

func makeFolders(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}
