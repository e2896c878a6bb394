package recovery

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

var (
	testCluster = protocol.Config{Cluster: protocol.ClusterID{7}, Slots: protocol.EvenSlots(1), Limits: protocol.DefaultLimits()}
	testWrites  = []protocol.WriteOp{{Key: []byte("kv/a"), Value: []byte("1")}, {Key: []byte("kv/b"), Delete: true}}
	testDigest  = protocol.PairSum([]byte("kv/a"), []byte("1")).Digest()
)

// testAttempt is an attempt of height 1.
func testAttempt(n uint32) protocol.AttemptID {
	return protocol.AttemptID{Height: 1, Epoch: 1, Attempt: n}
}

// craft makes the directory of a shard whose log has the records.
func craft(t *testing.T, records ...protocol.Record) string {
	t.Helper()
	dir := t.TempDir()
	log, err := wal.Open(filepath.Join(dir, executor.LogDirectory), wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fresh := state.Checkpoint{Directory: protocol.DirectoryID{1}, Log: state.LogPosition{ID: log.ID(), Keep: 1}}
	err = state.Create(dir, fresh, state.Options{})
	for _, r := range records {
		if err == nil {
			_, err = log.Append(wal.Record{Type: uint8(r.RecordType()), Data: protocol.EncodeRecord(r)})
		}
	}
	if err := errors.Join(err, log.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// inDoubtShard has attempt 1 of height 1 in doubt.
func inDoubtShard(t *testing.T, digest protocol.Digest) string {
	t.Helper()
	return craft(t, protocol.Adopted{Config: testCluster}, protocol.EpochSeen{Epoch: 1},
		&protocol.Prepared{Attempt: testAttempt(1), Digest: digest, Writes: protocol.EncodeWrites(testWrites)})
}

// told are decisions that a test makes up.
type told struct {
	cluster protocol.ClusterID
	decided []Decided
}

func (d told) Cluster() protocol.ClusterID { return d.cluster }
func (d told) Height() protocol.Height     { return protocol.Height(len(d.decided)) }
func (d told) Source() string              { return "test" }
func (d told) At(_ context.Context, h protocol.Height) (Decided, error) {
	return d.decided[h-1], nil
}

func decide(n uint32, digest protocol.Digest) told {
	return told{cluster: testCluster.Cluster, decided: []Decided{{Attempt: testAttempt(n), Digests: []protocol.Digest{digest}, Key: "a"}}}
}

func TestVerifyComputesDigests(t *testing.T) {
	sound, err := Verify(context.Background(), inDoubtShard(t, testDigest), VerifyOptions{})
	if err != nil || !sound.Sound || sound.Checked.Heights != 1 {
		t.Fatalf("%+v, %v", sound, err)
	}
	wrong, err := Verify(context.Background(), inDoubtShard(t, protocol.Digest{1}), VerifyOptions{})
	if err != nil || wrong.Sound || wrong.Findings[0].Height != 1 || !strings.Contains(wrong.Findings[0].What, "it was voted on with digest") {
		t.Fatalf("%+v, %v", wrong, err)
	}
}

// TestResolve checks that nothing but the decision of the very attempt with the
// very digest settles anything.
func TestResolve(t *testing.T) {
	for _, test := range []struct {
		name string
		told told
		want Verdict
	}{
		{"decided", decide(1, testDigest), Commit},
		{"another attempt", decide(2, testDigest), Superseded},
		{"another digest", decide(1, protocol.Digest{1}), Diverged},
		{"nothing", told{cluster: testCluster.Cluster}, Undecidable},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := inDoubtShard(t, testDigest)
			r, err := PlanResolve(context.Background(), dir, test.told)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if got := r.Settlements[0]; got.Verdict != test.want || got.Why == "" {
				t.Fatalf("%+v", got)
			}
			if err := r.Carry(""); err != nil || r.Settlements[0].Done != (test.want == Commit) {
				t.Fatalf("%+v, %v", r, err)
			}
			look, err := Inspect(dir, InspectOptions{})
			if err != nil || (look.Height == 1) != (test.want == Commit) || (len(look.InDoubt) == 0) != (test.want == Commit) {
				t.Fatalf("%+v, %v", look, err)
			}
			if there, err := exists(filepath.Join(dir, AuditFile)); err != nil || there != (test.want == Commit) {
				t.Errorf("audit log: %v, %v", there, err)
			}
		})
	}
}

func TestResolveRefusesForeignDecisions(t *testing.T) {
	foreign := decide(1, testDigest)
	foreign.cluster = protocol.ClusterID{8}
	if _, err := PlanResolve(context.Background(), inDoubtShard(t, testDigest), foreign); !errors.Is(err, ErrForeignDecisions) {
		t.Fatal(err)
	}
}

func TestVerifyAgainstDecisions(t *testing.T) {
	committed := func(digest protocol.Digest) string {
		return craft(t, protocol.Adopted{Config: testCluster}, protocol.EpochSeen{Epoch: 1},
			&protocol.Prepared{Attempt: testAttempt(1), Digest: digest, Writes: protocol.EncodeWrites(testWrites)},
			protocol.CommittedRecord{Committed: protocol.Committed{Attempt: testAttempt(1), Digest: digest}})
	}
	foreign := decide(1, testDigest)
	foreign.cluster = protocol.ClusterID{8}
	for _, test := range []struct {
		name, dir string
		told      told
		want      string // "" if it is sound
	}{
		{"the same", committed(testDigest), decide(1, testDigest), ""},
		{"another attempt", committed(testDigest), decide(2, testDigest), "the decision is attempt"},
		{"decisions that end below", committed(testDigest), told{cluster: testCluster.Cluster}, "the decisions (test) end at height 0"},
		{"another cluster", committed(testDigest), foreign, "belongs to cluster"},
		{"in doubt and decided", inDoubtShard(t, testDigest), decide(1, testDigest), ""},
		{"in doubt, and another is decided", inDoubtShard(t, testDigest), decide(2, testDigest), "lost data"},
		{"in doubt, and decided with another digest", inDoubtShard(t, testDigest), decide(1, protocol.Digest{1}), "it is decided with digest"},
		{"a vote is gone", craft(t, protocol.Adopted{Config: testCluster}), decide(1, testDigest), "neither committed nor prepared"},
	} {
		t.Run(test.name, func(t *testing.T) {
			look, err := Verify(context.Background(), test.dir, VerifyOptions{Decisions: test.told})
			if err != nil || look.Sound != (test.want == "") {
				t.Fatalf("%+v, %v", look, err)
			}
			if !look.Sound && !strings.Contains(look.Findings[0].What, test.want) {
				t.Errorf("%v, want %q", look.Findings, test.want)
			}
		})
	}
}
