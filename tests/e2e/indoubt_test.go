package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// doubt is a block of "indoubt list -o json".
type doubt struct {
	Height   uint64 `json:"height"`
	Block    string `json:"block"`
	Phase    string `json:"phase"`
	Prepared []int  `json:"prepared"`
	Missing  []int  `json:"missing"`
	Reason   string `json:"reason"`
	Advice   string `json:"advice"`
	ByItself bool   `json:"by_itself"`
}

// doubts lists what is in doubt, by height.
func (d *disturbed) doubts() map[uint64]doubt {
	d.t.Helper()
	var all struct {
		Blocks []doubt `json:"blocks"`
	}
	r := d.Lockstep("indoubt", "list", "-o", "json")
	if r.Code != 0 {
		d.t.Fatalf("indoubt list: exit code %d: %s", r.Code, r.Err)
	}
	unmarshal(d.t, r.Out, &all)
	found := map[uint64]doubt{}
	for _, b := range all.Blocks {
		found[b.Height] = b
	}
	return found
}

func unmarshal(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// promise is an attempt of "indoubt list --shard ADDRESS -o json".
type promise struct {
	Height        uint64 `json:"height"`
	Digest        string `json:"state_digest"`
	LogSequence   uint64 `json:"log_sequence"`
	BeforeRestart bool   `json:"before_restart"`
}

// promises asks one shard what it has prepared.
func (d *disturbed) promises(shard int) (state string, all []promise) {
	d.t.Helper()
	r := cluster.Run(d.t, binary, "indoubt", "list", "--shard", d.Shards[shard].Address, "-o", "json")
	var found struct {
		State    string    `json:"state"`
		Prepared []promise `json:"prepared"`
	}
	if r.Code != 0 {
		d.t.Fatalf("indoubt list --shard: exit code %d: %s", r.Code, r.Err)
	}
	unmarshal(d.t, r.Out, &found)
	return found.State, found.Prepared
}

// wantPromise checks that a shard says that height 2 is prepared in its log.
func (d *disturbed) wantPromise(shard int, state string, beforeRestart bool) {
	d.t.Helper()
	now, all := d.promises(shard)
	i := slices.IndexFunc(all, func(p promise) bool { return p.Height == 2 })
	if now != state || i < 0 || all[i].BeforeRestart != beforeRestart || all[i].LogSequence == 0 || len(all[i].Digest) != 64 {
		d.t.Fatalf("shard %d is %s, and has prepared %+v", shard, now, all)
	}
}

// wantResolve runs a resolve of height 2, and checks how it ends.
func (d *disturbed) wantResolve(code int, says string, flags ...string) cluster.Result {
	d.t.Helper()
	r := d.Lockstep(append([]string{"indoubt", "resolve", "2"}, flags...)...)
	if r.Code != code || !strings.Contains(r.Out+r.Err, says) {
		d.t.Fatalf("indoubt resolve %v: exit code %d, want %d and %q: %s%s", flags, r.Code, code, says, r.Out, r.Err)
	}
	return r
}

// cutOff submits, and cuts shard 1 off when it has prepared height 2 and before its
// vote arrives.
func (d *disturbed) cutOff() *cluster.Command {
	d.t.Helper()
	d.Shards[1].Uplink.HoldToward()
	submission := d.submitting()
	for i := range d.Shards {
		d.AwaitPrepared(i, 2)
	}
	d.AwaitCluster("all other votes", func(s cluster.ClusterStatus) bool { return s.Waiting(2, 1) })
	d.Shards[1].Uplink.Cut()
	cluster.Await(d.t, "the coordinator misses the shard", cluster.Within, func() string {
		if b := d.doubts()[2]; !strings.Contains(b.Reason, "shard 1 has not been connected for") {
			return fmt.Sprintf("listed %+v", b)
		}
		return ""
	})
	return submission
}

// A shard is cut off in the middle of a block. The list says who is missing and that
// it has prepared, as it says itself; nobody can vote in its place; and when it is
// back, everything goes on.
func TestInDoubtWhileCutOff(t *testing.T) {
	d := disturb(t, small(), options(3))
	submission := d.cutOff()
	b := d.doubts()[2]
	if b.Phase != "voting" || b.ByItself || !slices.Equal(b.Prepared, []int{0, 1, 2}) || !slices.Equal(b.Missing, []int{1}) || !strings.Contains(b.Advice, "bring shard 1 back") {
		t.Fatalf("listed %+v", b)
	}
	d.wantPromise(1, waiting, false)
	if r := d.Lockstep("indoubt", "show", "2"); r.Code != 0 || !strings.Contains(r.Out, "coordinator  has no vote of it") || strings.Count(r.Out, "prepared since") != 3 {
		t.Fatalf("shown with exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	d.wantResolve(3, "bring it back")
	if r := d.Lockstep("indoubt", "resolve", "1", "--abort"); r.Code != 4 || !strings.Contains(r.Err, "nothing takes that back") {
		t.Fatalf("a decided height is given up with exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	d.stuck()
	d.HealAll()
	d.resolves(submission)
}

// The operator gives the block up: its client is told, the shards drop it, and the
// same file can be submitted again.
func TestInDoubtGivenUp(t *testing.T) {
	t.Parallel() // it waits more than it works
	d := disturb(t, small(), options(3))
	submission := d.cutOff()
	d.wantResolve(0, "would abort attempt", "--abort", "--dry-run")
	d.stuck()
	d.wantResolve(0, "done: abort attempt", "--abort", "--comment", "shard 1 is being repaired")
	if r := submission.Wait(); r.Code != 1 || !strings.Contains(r.Err, "shard 1 is being repaired") {
		t.Fatalf("the client is told, with exit code %d: %s", r.Code, r.Err)
	}
	var acts []struct{ By, Action, Comment, Evidence string }
	unmarshal(t, d.Lockstep("indoubt", "audit", "-o", "json").Out, &acts)
	if len(acts) != 1 || acts[0].Action != "abort" || acts[0].Comment == "" || !strings.Contains(acts[0].By, "@") || len(acts[0].Evidence) != 64 {
		t.Fatalf("recorded %+v", acts)
	}
	d.HealAll()
	d.resolves(d.submitting())
}

// A shard is killed while it is prepared. When it is back and cannot reach its
// coordinator it is in doubt, and says so to whoever asks it.
func TestInDoubtAfterSIGKILL(t *testing.T) {
	d := disturb(t, small(), options(3))
	submission := d.cutOff()
	d.Shards[1].KillNode()
	d.Shards[1].Start()
	d.AwaitState(1, "in_doubt")
	d.wantPromise(1, "in_doubt", true)
	d.wantResolve(3, "bring it back")
	d.HealAll()
	d.resolves(submission)
}

// Two of three coordinators are killed under load: what was under way stays in
// doubt, nothing is decided and nothing is resolved, and shards still say what they
// have promised.
func TestInDoubtWithoutAMajorityOfCoordinators(t *testing.T) {
	t.Parallel() // it waits more than it works
	o := options(2)
	o.Coordinators = 3
	d := disturb(t, workload{name: "a", accounts: 24, blocks: 400, size: 5}, o)
	submission := d.submitting()
	cluster.Await(t, "blocks", cluster.Within, func() string {
		if n, more := submission.Lines(); !more || n < 20 {
			return fmt.Sprintf("%d blocks, more to come %t", n, more)
		}
		return ""
	})
	leader := d.AwaitLeader()
	var lost []*cluster.Node
	for _, n := range d.Coordinators {
		if n != leader {
			lost = append(lost, n)
			n.KillNode()
		}
	}
	cluster.Await(t, "nobody leads", cluster.Within, func() string {
		if r := d.Lockstep("indoubt", "list", "--timeout", "1s"); r.Code != 1 || !strings.Contains(r.Err, "--shard ADDRESS") {
			return fmt.Sprintf("exit code %d: %s%s", r.Code, r.Out, r.Err)
		}
		return ""
	})
	for i := range d.Shards {
		state, all := d.promises(i)
		if state != waiting || len(all) == 0 {
			t.Fatalf("shard %d is %s, and has prepared %+v", i, state, all)
		}
		d.wantResolve(3, "nothing was changed", "--abort", "--timeout", "1s")
	}
	for _, n := range lost {
		n.Start()
	}
	d.resolves(submission)
}

// A shard comes back with an older copy of its directory, and is quarantined. What is
// decided is not in doubt for anybody else; nothing delivers it to that shard and
// nothing takes it back. With the true directory all is well.
func TestInDoubtInQuarantine(t *testing.T) {
	o := options(3)
	o.MayQuarantine = true
	d := disturb(t, small(), o)
	victim := d.Shards[1]
	older, newest := filepath.Join(t.TempDir(), "older"), filepath.Join(t.TempDir(), "newest")
	copied := func(to, from string) {
		t.Helper()
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	exchange := func(with string) {
		t.Helper()
		if err := os.RemoveAll(victim.Data); err != nil {
			t.Fatal(err)
		}
		copied(victim.Data, with)
		victim.Start()
	}
	victim.Stop()
	copied(older, victim.Data)
	victim.Start()
	wantDone(t, d.submitting().Wait())
	d.AwaitReady()
	victim.Stop()
	copied(newest, victim.Data)
	exchange(older)
	d.AwaitState(1, "quarantined")
	b := d.doubts()[2]
	if b.Phase != "decided" || b.ByItself || !slices.Equal(b.Missing, []int{1}) || !strings.Contains(b.Advice, "#quarantine") {
		t.Fatalf("listed %+v", b)
	}
	d.wantResolve(3, "is committed at height 2, but shard 1 is")
	d.wantResolve(4, "nothing takes that back", "--abort")
	victim.Stop()
	exchange(newest)
	d.AwaitReady()
	if all := d.doubts(); len(all) > 0 {
		t.Errorf("with the true directory, listed %+v", all)
	}
	d.wantResolve(0, "committed on every shard")
	d.resolves(d.submitting())
}
