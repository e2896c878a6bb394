package wal

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// smallDisk mounts a file system of a few MiB, which takes the rights of root.
func smallDisk(t *testing.T, kind string) string {
	t.Helper()
	dir := t.TempDir()
	switch kind {
	case "tmpfs":
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
			t.Skipf("cannot mount a small file system: %v", err)
		}
	case "ext4":
		image := filepath.Join(t.TempDir(), "image")
		must(t, os.WriteFile(image, nil, 0o600))
		must(t, os.Truncate(image, 6<<20))
		if out, err := exec.Command("mkfs.ext4", "-q", "-F", image).CombinedOutput(); err != nil {
			t.Skipf("cannot make a small file system: %v %s", err, out)
		}
		if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
			t.Skipf("cannot mount a small file system: %v %s", err, out)
		}
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// ballast takes all free space of a directory's file system.
func ballast(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "ballast"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(t, err)
	defer f.Close()
	for size := 1 << 16; size > 0; {
		_, err := f.Write(make([]byte, size))
		if err == nil {
			err = f.Sync()
		}
		if err != nil && !full(err) {
			t.Fatal(err)
		} else if err != nil {
			size /= 2
		}
	}
}

// fillUp appends and syncs until it fails, and returns how far it was told yes.
func fillUp(t *testing.T, l *Log) (acked uint64, err error) {
	t.Helper()
	for {
		seq := l.Last() + 1
		if _, err := l.Append(payload(0, seq, sizeOf(seq)*200)); err != nil {
			return acked, err
		}
		if err := l.Sync(); err != nil {
			return acked, err
		}
		acked = seq
	}
}

// wantBig is wantRun for the records of fillUp.
func wantBig(t *testing.T, l *Log, acked uint64) {
	t.Helper()
	if l.Last() < acked || l.First() != 1 {
		t.Fatalf("log holds %d to %d, acknowledged were 1 to %d", l.First(), l.Last(), acked)
	}
	all, err := contents(l)
	must(t, err)
	for seq, rec := range all {
		if !same(rec, payload(0, seq, sizeOf(seq)*200)) {
			t.Fatalf("record %d differs", seq)
		}
	}
}

func eachDisk(t *testing.T, fn func(t *testing.T, dir string)) {
	if testing.Short() {
		t.Skip("mounts file systems")
	}
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) { fn(t, smallDisk(t, kind)) })
	}
}

// TestFullDisk runs into the end of the disk. The log is poisoned and gives up
// its reserve; with that, another process can open, mend and trim it.
func TestFullDisk(t *testing.T) {
	eachDisk(t, func(t *testing.T, disk string) {
		dir := filepath.Join(disk, "log")
		opts := Options{SegmentBytes: 64 << 10, ReserveBytes: 256 << 10}
		l := mustOpen(t, dir, opts)
		reservePath := filepath.Join(dir, reserveName)
		if _, err := os.Stat(reservePath); err != nil {
			t.Fatal("there is no reserve", err)
		}
		acked, err := fillUp(t, l)
		if !errors.Is(err, ErrPoisoned) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		if _, err := l.Append(Record{1, nil}); !errors.Is(err, ErrPoisoned) {
			t.Error("append after a failure:", err)
		}
		if _, err := os.Stat(reservePath); !os.IsNotExist(err) {
			t.Error("the reserve was not given up")
		}
		if err := l.Close(); !errors.Is(err, ErrPoisoned) {
			t.Error(err)
		}

		l = mustOpen(t, dir, opts)
		wantBig(t, l, acked)
		if _, err := os.Stat(reservePath); !os.IsNotExist(err) {
			t.Error("the reserve took the space again that it gave up")
		}
		last := l.Last()
		must(t, l.TrimFront(last/2))
		_, err = l.Append(payload(0, last+1, 1000))
		must(t, err)
		must(t, l.Close())
	})
}

// TestFullDiskWithoutReserve: nothing gets lost, and what needs no space works.
func TestFullDiskWithoutReserve(t *testing.T) {
	eachDisk(t, func(t *testing.T, disk string) {
		dir := filepath.Join(disk, "log")
		opts := Options{SegmentBytes: 64 << 10}
		path := filepath.Join(disk, "others")
		must(t, writeZeros(path, 256<<10))
		l := mustOpen(t, dir, opts)
		acked, err := fillUp(t, l)
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		l.Close()
		l, err = Open(dir, opts)
		if err != nil { // the tail is torn, and there is no space to mend it
			if !full(err) || errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			if files, err := list(dir); err != nil || len(files.kept)+len(files.temps) > 0 {
				t.Error("the attempt left files behind:", files.kept, files.temps, err)
			}
			must(t, os.Remove(path))
			l = mustOpen(t, dir, opts)
			ballast(t, disk)
		}
		wantBig(t, l, acked)
		if err := l.TrimFront(l.Last() / 2); !errors.Is(err, ErrNoSpace) {
			t.Error("trim with copy:", err)
		}
		if l.Err() != nil {
			t.Error("what was refused before it began must not poison:", l.Err())
		}
		wantBig(t, l, acked)
		last := l.Last()
		if err := l.TrimFront(last + 1); err != nil { // a new name may need a block
			if !errors.Is(err, ErrNoSpace) || l.Err() != nil {
				t.Fatal(err, l.Err())
			}
			wantBig(t, l, acked)
			must(t, errors.Join(os.RemoveAll(path), os.RemoveAll(filepath.Join(disk, "ballast"))))
			must(t, l.TrimFront(last+1))
		}
		_, err = l.Append(payload(0, last+1, 1000))
		must(t, err)
		must(t, l.Close())
		l = mustOpen(t, dir, opts)
		if l.First() != last+1 || l.Last() != last+1 {
			t.Errorf("log holds %d to %d", l.First(), l.Last())
		}
		must(t, l.Close())
	})
}

// TestFloor: an append is refused while there is space left, and the log lives.
func TestFloor(t *testing.T) {
	eachDisk(t, func(t *testing.T, disk string) {
		dir := filepath.Join(disk, "log")
		l := mustOpen(t, dir, Options{SegmentBytes: 64 << 10, FloorBytes: 300 << 10})
		acked, err := fillUp(t, l)
		if !errors.Is(err, ErrNoSpace) || l.Err() != nil {
			t.Fatal(err, l.Err())
		}
		if free, _ := FreeBytes(dir); free < 300<<10 {
			t.Errorf("only %d bytes are free", free)
		}
		wantBig(t, l, acked)
		must(t, l.Sync())
		must(t, l.TrimFront(acked))
		if _, err := l.Append(Record{1, make([]byte, 10000)}); err != nil {
			t.Errorf("after the trim: %v", err)
		}
		must(t, l.Close())
	})
}

// TestTrimGivesUpReserve: a trim that lacks the space for its copy takes that
// of the reserve.
func TestTrimGivesUpReserve(t *testing.T) {
	eachDisk(t, func(t *testing.T, disk string) {
		dir := filepath.Join(disk, "log")
		l := mustOpen(t, dir, Options{SegmentBytes: 64 << 10, ReserveBytes: 256 << 10})
		for range 12 {
			seq := l.Last() + 1
			_, err := l.Append(payload(0, seq, sizeOf(seq)*200))
			must(t, err)
		}
		must(t, l.Sync())
		ballast(t, disk)
		must(t, l.TrimFront(2))
		all, err := contents(l)
		must(t, err)
		if l.First() != 2 || len(all) != 11 {
			t.Errorf("first %d, %d records", l.First(), len(all))
		}
		must(t, l.Close())
	})
}
