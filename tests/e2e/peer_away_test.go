package e2e

import (
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// A shard whose peers cannot push to it refuses and tries again, until they can.
func TestPeerCut(t *testing.T) {
	o := options(3)
	o.ShardArgs = []string{"--peer-timeout", "200ms"}
	d := disturb(t, small(), o)
	d.Shards[0].Inbound.Cut()
	submission := d.submitting()
	d.AwaitCluster("a second attempt", func(s cluster.ClusterStatus) bool {
		return len(s.InFlight) > 0 && s.InFlight[0].Height == 2 && s.InFlight[0].Attempt >= 2
	})
	d.stuck()
	d.HealAll()
	d.resolves(submission)
}

// A shard that is there and does nothing.
func TestPeerStopped(t *testing.T) {
	d := disturb(t, small(), options(3))
	d.Shards[2].PauseNode()
	submission := d.submitting()
	d.awaitWithout(2)
	d.Shards[2].ResumeNode()
	d.resolves(submission)
}

// A shard that is gone before there is anything to do.
func TestPeerKilled(t *testing.T) {
	d := disturb(t, small(), options(3))
	d.Shards[2].KillNode()
	submission := d.submitting()
	d.AwaitCluster("a block in the queue", func(s cluster.ClusterStatus) bool { return s.QueuedBlocks+len(s.InFlight) > 0 })
	d.stuck()
	d.Shards[2].Start()
	d.resolves(submission)
}

// A shard that dies while the others wait for its values.
func TestPeerKilledDuringExecution(t *testing.T) {
	d := disturb(t, small(), options(3))
	d.Shards[2].PauseNode()
	submission := d.submitting()
	d.awaitWithout(2)
	d.Shards[2].KillNode()
	d.stuck()
	d.Shards[2].Start()
	d.resolves(submission)
}

// A shard that dies prepared is in doubt when it comes back, until its
// coordinator can be reached.
func TestPeerKilledWhilePrepared(t *testing.T) {
	d := disturb(t, small(), options(3))
	d.Shards[2].Uplink.HoldToward()
	submission := d.submitting()
	d.AwaitPrepared(2, 2)
	d.Shards[2].KillNode()
	d.Shards[2].Uplink.Cut()
	d.stuck()
	d.Shards[2].Start()
	d.AwaitShard(2, "in doubt about height 2", func(s cluster.ShardStatus) bool { return s.State == "in_doubt" && s.HasPrepared(2) })
	d.readsAt(2, 1)
	d.HealAll()
	d.resolves(submission)
}

// awaitWithout waits until a block is in flight that lacks a shard's vote.
func (d *disturbed) awaitWithout(shard int) {
	d.t.Helper()
	d.AwaitCluster("a block waits for the shard", func(s cluster.ClusterStatus) bool {
		for _, f := range s.InFlight {
			for _, w := range f.WaitingFor {
				if f.Height == 2 && w == shard {
					return true
				}
			}
		}
		return false
	})
	d.stuck()
}

// SIGSTOP of a shard in the middle of a load stops progress and nothing else.
func TestStopped(t *testing.T) {
	t.Parallel()             // it waits more than it works
	pause := 3 * time.Second // after the others have given the session up
	if long() {
		pause = 10 * time.Second
	}
	w := small()
	w.blocks = 60
	d := disturb(t, w, options(3))
	submission := d.submitting()
	d.AwaitCluster("some blocks", func(s cluster.ClusterStatus) bool { return s.Height >= 5 })
	d.Shards[1].PauseNode()
	// Votes that were on their way when it was stopped may still complete blocks.
	d.AwaitCluster("the shard is given up, and a block waits for it", func(s cluster.ClusterStatus) bool {
		return s.Shards[1].State == "disconnected" && s.Waiting(s.Height+1, 1)
	})
	height := d.Height()
	cluster.Throughout(t, "no progress without a shard", pause, func() string { return d.moved(height) })
	d.readsAt(0, height)
	d.Shards[1].ResumeNode()
	d.resolves(submission)
}
