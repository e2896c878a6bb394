package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// A coordinator that stays away leaves the shards up and readable for as long
// as it takes.
func TestCoordinatorAbsent(t *testing.T) {
	t.Parallel()               // it waits more than it works
	absence := 6 * time.Second // several redials, and more than any session timeout
	if long() {
		absence = time.Minute
	}
	ways := map[string]struct{ leave, come func(*cluster.Node) }{
		"killed":  {(*cluster.Node).KillNode, (*cluster.Node).Start},
		"stopped": {(*cluster.Node).PauseNode, (*cluster.Node).ResumeNode},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			d := disturb(t, small(), options(3))
			way.leave(d.Coordinator)
			for i := range d.Shards {
				d.AwaitState(i, waiting)
			}
			cluster.Throughout(t, "shards without a coordinator", absence, d.unservedReads)
			way.come(d.Coordinator)
			d.AwaitReady()
			d.resolves(d.submitting())
		})
	}
}

// unservedReads says which shard does not wait, or does not serve.
func (d *disturbed) unservedReads() string {
	d.CheckAlive()
	for i, n := range d.Shards {
		s, err := n.ShardStatus()
		if err != nil || s.State != waiting || s.CommittedHeight != 1 {
			return fmt.Sprintf("shard %d is %+v, error %v", i, s, err)
		}
		if why := d.cannotRead(i, 1); why != "" {
			return why
		}
	}
	return ""
}
