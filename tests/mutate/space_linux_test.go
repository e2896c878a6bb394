package mutate

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

const (
	diskBytes  = "96m"
	floorBytes = 32 << 20
)

// smallDisk mounts a small file system in memory.
func smallDisk(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+diskBytes); err != nil {
		t.Skipf("it takes the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fill leaves so many bytes of the file system free.
func fill(t *testing.T, dir string, leave int64) {
	t.Helper()
	free, err := wal.FreeBytes(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, free-leave), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFloor has a shard run below its floor of free space: it refuses to
// prepare and says why, what it has prepared still commits, and it goes on by
// itself when there is space.
func TestFloor(t *testing.T) {
	dir := t.TempDir()
	smallDisk(t, filepath.Join(dir, shardName(0)))
	m := newMini(t, dir, 2)
	m.minFree = floorBytes
	t.Cleanup(m.stopAll) // before the file system goes
	m.startAll()
	m.commit(lonely(t))

	prepared := m.hold(lonely(t))
	fill(t, m.path(shardName(0)), floorBytes/2)
	m.await("shard 0 says why it prepares nothing", func() bool { return m.shards[0].Status().Obstructed != "" })
	m.uplinks[1].Heal()
	if a := <-prepared; a.Decision != client.Committed {
		t.Fatalf("what was prepared is %q: %s", a.Decision, a.Reason)
	}
	m.await("shard 0 has committed it", func() bool { return len(m.shards[0].Status().Prepared) == 0 })
	if err := m.shards[0].Ready(); err == nil || m.shards[0].Entry().GetReason() == "" {
		t.Errorf("below the floor it is ready (%v), with reason %q", err, m.shards[0].Entry().GetReason())
	}

	at := m.coordinator.Entry().GetHeight()
	later := m.submit(lonely(t))
	refusals := func() uint64 { return m.shards[0].Status().Notes[string(protocol.NoteRefusedVote)] }
	m.await("shard 0 has refused", func() bool { return refusals() > 0 })
	if h := m.coordinator.Entry().GetHeight(); h != at {
		t.Errorf("height %d was decided below the floor", h)
	}
	if err := os.Remove(filepath.Join(m.path(shardName(0)), "filler")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if a := <-later; a.Decision != client.Committed {
		t.Fatalf("with space, the block is %q: %s", a.Decision, a.Reason)
	}
}
