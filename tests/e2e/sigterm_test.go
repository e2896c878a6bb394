package e2e

import (
	"net"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// SIGTERM ends every daemon with exit code 0 within 5 s, whatever it is doing
// (Stop checks that), and a restart goes on where it was.

func TestTerminatedWhilePrepared(t *testing.T) {
	d := disturb(t, small(), options(3))
	d.Shards[1].Uplink.HoldToward()
	submission := d.submitting()
	for i := range d.Shards {
		d.AwaitPrepared(i, 2)
	}
	d.StopAll()
	d.HealAll()
	d.StartAll()
	d.resolves(submission)
}

func TestTerminatedWhileExecuting(t *testing.T) {
	d := disturb(t, small(), options(3))
	d.Shards[0].Inbound.Hold()
	submission := d.submitting()
	d.AwaitState(0, "executing")
	d.StopAll()
	d.HealAll()
	d.StartAll()
	d.resolves(submission)
}

func TestTerminatedWithoutCoordinator(t *testing.T) {
	d := disturb(t, small(), options(3))
	d.Shards[1].Uplink.HoldToward()
	submission := d.submitting()
	for i := range d.Shards {
		d.AwaitPrepared(i, 2)
	}
	d.Coordinator.KillNode()
	for i := range d.Shards {
		d.AwaitState(i, waiting)
	}
	for _, s := range d.Shards {
		s.Stop()
	}
	d.HealAll()
	d.StartAll()
	d.resolves(submission)
}

// Links that swallow everything must not keep a daemon from ending.
func TestTerminatedWithHeldLinks(t *testing.T) {
	t.Parallel() // it waits more than it works
	d := disturb(t, small(), options(3))
	submission := d.submitting()
	for _, s := range d.Shards {
		s.Uplink.Hold()
		s.Inbound.Hold()
	}
	d.Clients.Hold()
	d.StopAll()
	d.HealAll()
	d.StartAll()
	d.resolves(submission)
}

func TestTerminatedUnderLoad(t *testing.T) {
	w := small()
	w.blocks = 80
	d := disturb(t, w, options(3))
	submission := d.submitting()
	for i, n := range d.Nodes() {
		d.AwaitCluster("some more blocks", func(s cluster.ClusterStatus) bool { return s.Height >= uint64(10*(i+1)) })
		n.Stop()
		n.Start()
	}
	d.resolves(submission)
}

// Connections on which nobody says anything must not either.
func TestTerminatedWithSilentConnections(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := start(t, 1)
	for _, n := range c.Nodes() {
		for _, address := range []string{n.Address, n.HTTP} {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
		}
		// A daemon that waits for them takes just the 5 s it has.
		if code, took, err := n.Terminate(10 * time.Second); err != nil || code != 0 || took > 4*time.Second {
			t.Errorf("%s ended with exit code %d after %s, error %v", n.Name, code, took, err)
		}
	}
}
