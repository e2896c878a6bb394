package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lockstep-exec/lockstep/protocol"
)

// smallDisk mounts a file system of a number of bytes, or skips the test.
func smallDisk(t *testing.T, bytes int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// largeWrites are pairs of about a megabyte in all.
func largeWrites() (writes []protocol.WriteOp) {
	for i := range 1000 {
		writes = append(writes, put(fmt.Sprintf("key/%04d", i), string(bytes.Repeat([]byte{'v'}, 1000))))
	}
	return writes
}

// fillDisk leaves about a number of bytes free.
func fillDisk(t *testing.T, dir string, leave int64) (filler string) {
	t.Helper()
	var fs unix.Statfs_t
	must(t, unix.Statfs(dir, &fs))
	filler = filepath.Join(dir, "filler")
	must(t, os.WriteFile(filler, make([]byte, int64(fs.Bavail)*fs.Bsize-leave), 0o600))
	return filler
}

// TestFullDiskPutsOff: a checkpoint that does not fit is put off, and nothing
// else changes. When there is space again, it is written.
func TestFullDiskPutsOff(t *testing.T) {
	dir := smallDisk(t, 16<<20)
	must(t, Create(dir, Checkpoint{}, Options{}))
	clock := &fakeClock{now: millis(0)}
	s := openStore(t, dir, Options{Clock: clock})
	var r recorder
	c := NewCheckpointer(s, Policy{}, r.hooks())
	advance(t, s, largeWrites()...)
	filler := fillDisk(t, dir, 1<<20)

	clock.now = millis(1000)
	wantStep(t, c, c.policy.RetryAfter, 0)
	wantErr(t, c.FlushAll(background), ErrNoSpace)
	if len(r.putOff) != 2 || !errors.Is(r.putOff[0], ErrNoSpace) || len(r.failed) > 0 {
		t.Fatalf("put off %v, failed %v", r.putOff, r.failed)
	}
	v, err := s.View(1)
	must(t, err)
	wantGet(t, v, "key/0000", string(bytes.Repeat([]byte{'v'}, 1000)))
	v.Close()

	must(t, os.Remove(filler))
	clock.now = millis(1500)
	wantStep(t, c, 500*c.policy.RetryAfter/1000, 0)
	clock.now = millis(2000)
	wantStep(t, c, 0, 1)
}

// TestFullDiskWhileWriting: should the space run out all the same, the file is
// still the checkpoint before.
func TestFullDiskWhileWriting(t *testing.T) {
	dir := smallDisk(t, 16<<20)
	must(t, Create(dir, Checkpoint{}, Options{}))
	s := openStore(t, dir, Options{})
	must(t, commitBulk(s, 1))
	flushTo(t, s, 1)
	advance(t, s, largeWrites()...)
	filler := fillDisk(t, dir, 256<<10)
	next, layers, err := s.planFlush(2)
	must(t, err)
	err = s.db.write(newestWrites(layers), next)
	wantErr(t, err, unix.ENOSPC)
	must(t, s.Close())
	if h := wantBulk(t, dir); h != 1 {
		t.Fatalf("height %d", h)
	}
	openStore(t, dir, Options{}) // opens on the full disk
	must(t, os.Remove(filler))
}

// TestEstimateIsEnough compares the estimate with what checkpoints really add.
func TestEstimateIsEnough(t *testing.T) {
	s, _ := makeStore(t, Options{})
	for h := protocol.Height(1); h <= 12; h++ {
		writes := bulkWrites(h)
		if h == 5 {
			writes = largeWrites()
		}
		estimate, before := s.db.estimateBytes(writes), s.db.usedBytes()
		advance(t, s, writes...)
		flushTo(t, s, h)
		if added := s.db.usedBytes() - before; added > max(estimate, 0)+spareBytes {
			t.Errorf("height %d: %d bytes added, estimate %d", h, added, estimate)
		}
	}
}
