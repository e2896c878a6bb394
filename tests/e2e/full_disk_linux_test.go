package e2e

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	diskBytes = 96 << 20
	leastFree = 32 << 20 // below it the shard refuses
)

// A shard whose disk fills up refuses to prepare and says so; what is committed
// stays readable, and everything goes on when there is space again.
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t)
	d := disturb(t, small(), onDisk(disk, "shard1", "--min-free-bytes", strconv.Itoa(leastFree)))
	fill(t, disk, leastFree/2)
	d.AwaitShard(1, "says that its disk is full", func(s cluster.ShardStatus) bool { return contains(s.Reason, "free some space") })
	submission := d.submitting()
	d.AwaitCluster("a block that cannot commit", func(s cluster.ClusterStatus) bool { return len(s.InFlight)+s.QueuedBlocks > 0 })
	d.readsAt(1, 1)
	d.stuck()
	fill(t, disk, 0) // to the last byte
	d.Shards[1].KillNode()
	d.Shards[1].Start() // it comes up on a full disk
	d.readsAt(1, 1)
	d.stuck()
	free(t, disk)
	d.resolves(submission)
}

// A shard that is told not to look at the free space runs into the wall with
// blocks of many bytes: it stops, because nobody knows where its log ends now
// (rule S9). Nothing is lost, and a restart with space goes on.
func TestDiskFullUnwatched(t *testing.T) {
	disk := smallDisk(t)
	d := disturb(t, small(), onDisk(disk, "shard1", "--min-free-bytes", "-1"))
	load := largeValues(t, "load", 48<<20)
	fill(t, disk, 0)
	submission := d.Go(submitArgs(load)...)
	code, err := d.Shards[1].Await(cluster.Within)
	if err != nil || code != 1 || !contains(d.Shards[1].LogTail(5), "no space left") {
		t.Fatalf("exit code %d, error %v: %s", code, err, d.Shards[1].LogTail(5))
	}
	free(t, disk)
	d.Shards[1].Start()
	wantDone(t, submission.Wait())
	d.AwaitReady()
	d.StopAll()
	cluster.WantSame(t, "state compared with an undisturbed run", d.Dump(), undisturbed(t, d.opening, load))
}

// onDisk puts the data of one node on a disk, and adds to the shards' flags.
func onDisk(disk, node string, args ...string) cluster.Options {
	o := options(3)
	o.ShardArgs = args
	o.Data = func(name string) string {
		if name == node {
			return filepath.Join(disk, name)
		}
		return ""
	}
	return o
}

// smallDisk mounts a small file system in memory, which only root may.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(diskBytes)); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fill writes until only so many bytes are free.
func fill(t *testing.T, disk string, leave int64) {
	t.Helper()
	f, err := os.CreateTemp(disk, "filler-")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(disk, &fs); err != nil {
		t.Fatal(err)
	}
	size := int64(fs.Bavail)*fs.Bsize - leave
	if _, err := io.CopyN(f, zeros{}, size); err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// free removes the fillers.
func free(t *testing.T, disk string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(disk, "filler-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
