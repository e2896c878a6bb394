package recovery

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/protocol"
)

// interruptTrim leaves of a log of one segment what a kill leaves right before
// the last step of a trim: the segment has the name of the copy.
func interruptTrim(t *testing.T, dir string) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, logDirectory, strings.Repeat("[0-9]", 20)))
	if err != nil || len(segments) != 1 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	if err := os.Rename(segments[0], segments[0]+".START"); err != nil {
		t.Fatal(err)
	}
}

// stoppedCoordinator makes the directory of a coordinator that has decided
// nothing: what it knows is in its log alone.
func stoppedCoordinator(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "coordinator")
	c, err := coordinator.Open(coordinator.Options{Directory: dir, Shards: 1, MinFreeBytes: -1})
	if err == nil {
		err = c.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// mustVerify verifies a directory that is sound.
func mustVerify(t *testing.T, dir string) *Look {
	t.Helper()
	look, err := Verify(context.Background(), dir, VerifyOptions{})
	if err != nil || !look.Sound || !look.Complete {
		t.Fatalf("%+v, %v", look, err)
	}
	return look
}

// TestUnfinishedTrim: a trim that did not finish hides nothing from any verb,
// and repair finishes it.
func TestUnfinishedTrim(t *testing.T) {
	shard := craft(t, protocol.Adopted{Config: testCluster}, protocol.EpochSeen{Epoch: 1},
		&protocol.Prepared{Attempt: testAttempt(1), Digest: testDigest, Writes: protocol.EncodeWrites(testWrites)},
		protocol.CommittedRecord{Committed: protocol.Committed{Attempt: testAttempt(1), Digest: testDigest}})
	for name, dir := range map[string]string{"shard": shard, "shard in doubt": inDoubtShard(t, testDigest), "coordinator": stoppedCoordinator(t)} {
		t.Run(name, func(t *testing.T) {
			before := mustVerify(t, dir)
			interruptTrim(t, dir)
			got := mustVerify(t, dir)
			if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "a start will mend: finished trim") {
				t.Errorf("notes %q", got.Notes)
			}
			plan, err := PlanRepair(dir, nil)
			if err != nil || len(plan.Mends) != 1 || len(plan.Refused) != 0 {
				t.Fatalf("%+v, %v", plan, err)
			}
			if err := plan.Carry(""); err != nil || !plan.Mends[0].Done {
				t.Fatalf("%+v, %v", plan, err)
			}
			for _, look := range []*Look{got, mustVerify(t, dir)} {
				same := look.Cluster == before.Cluster && look.Height == before.Height && look.Epoch == before.Epoch &&
					look.Log.Count == before.Log.Count && reflect.DeepEqual(look.InDoubt, before.InDoubt)
				if !same {
					t.Errorf("%+v, before it was %+v", look, before)
				}
			}
			if plan, err = PlanRepair(dir, nil); err != nil || len(plan.Mends) != 0 {
				t.Errorf("once more: %+v, %v", plan, err)
			}
		})
	}
}
