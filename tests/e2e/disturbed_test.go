package e2e

import (
	"fmt"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// disturbed is a cluster with filled accounts and the blocks that come next.
type disturbed struct {
	*cluster.Cluster
	t                  *testing.T
	opening, transfers string
	workload           workload
}

// disturb starts a cluster and fills its accounts, at height 1.
func disturb(t *testing.T, w workload, o cluster.Options) *disturbed {
	t.Helper()
	d := &disturbed{Cluster: cluster.Start(t, o), t: t, workload: w, opening: w.opening(t), transfers: w.transfers(t)}
	submit(t, d.Cluster, d.opening)
	d.AwaitReady()
	return d
}

// submitting begins to submit the transfers.
func (d *disturbed) submitting() *cluster.Command {
	d.t.Helper()
	return d.Go(submitArgs(d.transfers)...)
}

// resolves checks that everything goes on: the submission ends well, all nodes
// come to one height, no process ended, and the state is that of a run that
// nobody disturbed.
func (d *disturbed) resolves(submission *cluster.Command) {
	d.t.Helper()
	wantAllApplied(d.t, wantDone(d.t, submission.Wait()), d.workload.blocks*d.workload.size)
	d.AwaitReady()
	if h, want := d.Height(), uint64(d.workload.blocks+1); h != want {
		d.t.Errorf("height %d, want %d", h, want)
	}
	d.StopAll()
	cluster.WantSame(d.t, "state compared with an undisturbed run", d.Dump(), undisturbed(d.t, d.opening, d.transfers))
}

// stuck checks that nothing was decided above the opening.
func (d *disturbed) stuck() {
	d.t.Helper()
	if why := d.moved(1); why != "" {
		d.t.Fatal(why)
	}
}

// moved says whether the coordinator is at another height, or a process ended,
// or there is nothing to decide.
func (d *disturbed) moved(height uint64) string {
	d.CheckAlive()
	if s, err := d.Status(); err != nil || s.Height != height || len(s.InFlight)+s.QueuedBlocks == 0 {
		return fmt.Sprintf("want height %d and a block that is not decided: %+v, error %v", height, s, err)
	}
	return ""
}

// readsAt checks that a shard answers reads, as of a height.
func (d *disturbed) readsAt(shard int, height uint64) {
	d.t.Helper()
	if why := d.cannotRead(shard, height); why != "" {
		d.t.Fatal(why)
	}
}

func (d *disturbed) cannotRead(shard int, height uint64) string {
	d.t.Helper()
	for _, key := range d.workload.keys() {
		r := d.readShard(shard, key)
		if r.Code != 0 {
			continue // lives on another shard
		}
		v := parseValues(d.t, r.Out)
		if v.Height != height || v.Shard != shard || len(v.Values) != 1 || !v.Values[0].Found {
			return fmt.Sprintf("shard %d answers %s, want height %d", shard, r.Out, height)
		}
		return ""
	}
	return fmt.Sprintf("shard %d answers for no key", shard)
}

// readShard reads a key straight from a shard.
func (d *disturbed) readShard(shard int, key string) cluster.Result {
	d.t.Helper()
	return cluster.Run(d.t, binary, "get", "--shard", d.Shards[shard].Address, "-o", "json", key)
}
