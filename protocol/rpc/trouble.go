package rpc

import (
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol/outage"
)

// adviseAfter is how long a shard that was started looks for a coordinator before
// its operator is asked whether the list is still right.
const adviseAfter = 10 * time.Second

// trouble tells of failures to reach the coordinator without flooding the log
// (rule S8). Its methods may be called by two goroutines, but not at once.
type trouble struct {
	logger  hclog.Logger
	clock   Clock
	given   []string // by the operator
	outage  *outage.Log
	since   time.Time // the first failure; zero before it
	settled bool      // the list was good once, or the operator was told
}

func newTrouble(o SessionClientOptions) trouble {
	return trouble{logger: o.Logger, clock: o.Clock, given: o.Coordinators, outage: outage.New(o.Logger, o.Clock.Now)}
}

// lost notes the end of a session that was good.
func (t *trouble) lost(address string, err error) {
	t.outage.Warn("lost the session with the coordinator, dialling again", "coordinator", address, "error", err)
}

// add notes that no session came about.
func (t *trouble) add(address string, err error) {
	if t.since.IsZero() {
		t.since = t.clock.Now()
	}
	t.outage.Warn("waiting for coordinator: see that the coordinators run and can be reached from here", "coordinator", address, "error", err)
	if !t.settled && t.clock.Now().Sub(t.since) >= adviseAfter {
		t.settled = true
		t.logger.Warn("none of the coordinators that were given leads the cluster: see that they run, and if they were removed from it, give --coordinator the present list",
			"coordinators", t.given)
	}
}

// over notes a session that is good.
func (t *trouble) over(address string) {
	if !t.settled && t.since.IsZero() {
		t.logger.Info("welcomed by the coordinator", "coordinator", address)
	}
	t.settled = true
	t.outage.Over("coordinator is back", "coordinator", address)
}
