package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const waiting = "waiting_for_coordinator"

// Shards that never met their coordinator wait for it, and say so.
func TestCoordinatorUnreachableAtStart(t *testing.T) {
	c := cluster.New(t, options(3))
	for _, s := range c.Shards {
		s.Start()
	}
	for i, s := range c.Shards {
		c.AwaitState(i, waiting)
		wantProbes(t, s, "coordinator")
	}
	c.Coordinator.Start()
	c.AwaitReady()
	w := small()
	wantAllApplied(t, submit(t, c, w.opening(t), w.transfers(t)), w.accounts+w.blocks*w.size)
}

// wantProbes checks that a shard lives, and is not ready for a reason.
func wantProbes(t *testing.T, n *cluster.Node, reason string) {
	t.Helper()
	if code, body, err := n.Fetch("/livez"); err != nil || code != http.StatusOK {
		t.Errorf("%s: /livez answers %d %q, error %v", n.Name, code, body, err)
	}
	code, body, err := n.Fetch("/readyz")
	if err != nil || code != http.StatusServiceUnavailable || !strings.Contains(body, reason) {
		t.Errorf("%s: /readyz answers %d %q, error %v; want 503 and %q in the reason", n.Name, code, body, err, reason)
	}
}

// Shards that come back before their coordinator serve what is committed.
func TestCoordinatorUnreachableAtRestart(t *testing.T) {
	d := disturb(t, small(), options(3))
	d.StopAll()
	for i, s := range d.Shards {
		s.Start()
		d.AwaitState(i, waiting)
		d.readsAt(i, 1)
	}
	d.Coordinator.Start()
	d.AwaitReady()
	d.resolves(d.submitting())
}

// The failure that this project exists for: the coordinator is gone when the
// shard, which has executed, wants to report.
func TestCoordinatorUnreachableBetweenExecutionAndReport(t *testing.T) {
	t.Parallel() // it waits more than it works
	for name, cutOff := range map[string][]int{"one shard": {1}, "two shards": {0, 2}, "every shard": {0, 1, 2}} {
		t.Run(name, func(t *testing.T) {
			d := disturb(t, small(), options(3))
			for _, i := range cutOff {
				d.Shards[i].Uplink.HoldToward() // Execute comes, the vote does not go
			}
			submission := d.submitting()
			for i := range d.Shards {
				d.AwaitPrepared(i, 2)
			}
			d.AwaitCluster("all other votes", func(s cluster.ClusterStatus) bool { return s.Waiting(2, cutOff...) })
			for _, i := range cutOff {
				d.Shards[i].Uplink.Cut()
			}
			d.wantCutOff(cutOff)
			d.HealAll()
			d.resolves(submission)
		})
	}
}

// wantCutOff waits until shards say that they are cut off, and checks that
// they keep what is prepared and serve what is committed.
func (d *disturbed) wantCutOff(shards []int) {
	d.t.Helper()
	for _, i := range shards {
		d.AwaitShard(i, "waits with height 2 prepared", func(s cluster.ShardStatus) bool { return s.State == waiting && s.HasPrepared(2) })
		wantProbes(d.t, d.Shards[i], "coordinator")
		d.readsAt(i, 1)
	}
	d.stuck()
}

// The coordinator goes while a shard waits for values from its peers.
func TestCoordinatorUnreachableDuringRemoteReads(t *testing.T) {
	t.Parallel() // it waits more than it works
	ways := map[string]func(*cluster.Proxy){"peers held": (*cluster.Proxy).Hold, "peers cut": (*cluster.Proxy).Cut}
	for name, separate := range ways {
		t.Run(name, func(t *testing.T) {
			o := options(3)
			o.ShardArgs = []string{"--peer-timeout", "2s"}
			d := disturb(t, small(), o)
			separate(d.Shards[0].Inbound)
			submission := d.submitting()
			d.AwaitState(0, "executing")
			for _, s := range d.Shards {
				s.Uplink.Cut()
			}
			for i := range d.Shards {
				d.AwaitState(i, waiting)
				d.readsAt(i, 1)
			}
			d.stuck()
			for _, s := range d.Shards {
				s.Uplink.Heal()
			}
			d.AwaitCluster("the shards are back", func(s cluster.ClusterStatus) bool { return s.Shards[0].State != "disconnected" })
			d.stuck()
			d.HealAll()
			d.resolves(submission)
		})
	}
}
