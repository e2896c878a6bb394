package state

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// wantBulk proves that the file is the state of childFlush at one height.
func wantBulk(t *testing.T, dir string) protocol.Height {
	t.Helper()
	report := verified(t, dir)
	h := report.Checkpoint.Height()
	if want := bulkState(h); report.Digest != want.digest() || report.Pairs != uint64(len(want)) {
		t.Fatalf("height %d: %d pairs, digest %v", h, report.Pairs, report.Digest)
	}
	return h
}

// TestKill kills a child in the middle of its checkpoints, again and again.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	must(t, Create(dir, Checkpoint{}, Options{}))
	rng := rand.New(rand.NewPCG(1, 1))
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	for range rounds {
		announced := killWhileFlushing(t, dir, rng)
		h := wantBulk(t, dir)
		if h < announced || h%3 > 0 {
			t.Fatalf("checkpoint %d, %d was announced", h, announced)
		}
		s := openStore(t, dir, Options{})
		if cp := s.Checkpoint(); cp.Log.Keep != uint64(h) {
			t.Fatalf("checkpoint %d records log position %+v", h, cp.Log)
		}
		must(t, s.Close())
	}
}

// killWhileFlushing gives the last height that the child announced.
func killWhileFlushing(t *testing.T, dir string, rng *rand.Rand) (announced protocol.Height) {
	t.Helper()
	cmd := childCommand("flush", dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	last := 1 + rng.IntN(3)
	for n := 0; lines.Scan(); n++ {
		if _, err := fmt.Sscanf(lines.Text(), "checkpoint %d", &announced); err != nil {
			t.Fatalf("child says %q", lines.Text())
		}
		if n == last { // some moment of what comes next
			time.AfterFunc(time.Duration(rng.IntN(12000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Wait()
	return announced
}

// TestFailedSync makes each sync of a checkpoint fail in a child: the first
// two fdatasync are those of the checkpoint of height 1. Afterwards the
// file is at one of the two heights, and the log's replay brings it on.
func TestFailedSync(t *testing.T) {
	for name, test := range map[string]struct {
		when   int
		height protocol.Height
	}{"of data pages": {3, 1}, "of the meta page": {4, 2}} { // the second is visible, which is why nothing is believed
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, Create(dir, Checkpoint{}, Options{}))
			cmd := childCommand("fail", dir, straced(t, "fdatasync", fmt.Sprintf("error=EIO:when=%d", test.when))...)
			if out, err := cmd.Output(); err != nil || !bytes.Contains(out, []byte("input/output error")) {
				t.Fatalf("child: %v: %s", err, out)
			}
			if h := wantBulk(t, dir); h != test.height {
				t.Fatalf("height %d, want %d", h, test.height)
			}
			finishBulk(t, dir)
		})
	}
}

// finishBulk replays as a shard does after a restart.
func finishBulk(t *testing.T, dir string) {
	t.Helper()
	s := openStore(t, dir, Options{})
	for h := s.CommittedHeight() + 1; h <= 4; h++ {
		must(t, commitBulk(s, h))
	}
	must(t, s.Flush(background, 4, LogPosition{}, protocol.Config{}, 1))
	must(t, s.Close())
	if h := wantBulk(t, dir); h != 4 {
		t.Fatalf("height %d after the replay", h)
	}
}

// TestOpenFailsIfItCannotForce makes each sync of Open fail, of the file and
// of the directory.
func TestOpenFailsIfItCannotForce(t *testing.T) {
	dir := t.TempDir()
	must(t, Create(dir, Checkpoint{}, Options{}))
	for when := 1; when <= 2; when++ {
		out, err := childCommand("open", dir, straced(t, "fsync", fmt.Sprintf("error=EIO:when=%d", when))...).Output()
		if err == nil || !bytes.Contains(out, []byte("force")) {
			t.Errorf("sync %d failed, and opening gave %v: %s", when, err, out)
		}
	}
	if out, err := childCommand("open", dir).Output(); err != nil {
		t.Errorf("without failures: %v: %s", err, out)
	}
}

// TestOpenRewritesMetaPages looks at the system calls of Open: both meta pages
// are written before the file is synced.
func TestOpenRewritesMetaPages(t *testing.T) {
	s, dir := makeStore(t, Options{})
	must(t, s.Close())
	trace := filepath.Join(t.TempDir(), "trace")
	out, err := childCommand("open", dir, strace(t), "-f", "-q", "-o", trace, "-e", "trace=pwrite64,fsync").Output()
	if err != nil {
		t.Fatalf("child: %v: %s", err, out)
	}
	calls, err := os.ReadFile(trace)
	must(t, err)
	writes, syncs := bytes.Count(calls, []byte("pwrite64(")), bytes.Count(calls, []byte("fsync("))
	if writes != 2 || syncs != 2 || bytes.LastIndex(calls, []byte("pwrite64(")) > bytes.Index(calls, []byte("fsync(")) {
		t.Errorf("%d writes, %d syncs:\n%s", writes, syncs, calls)
	}
}
