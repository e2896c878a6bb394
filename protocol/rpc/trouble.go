package rpc

import (
	"time"

	"github.com/hashicorp/go-hclog"
)

// adviseAfter is how long a shard that was started looks for a coordinator before
// its operator is asked whether the list is still right.
const adviseAfter = 10 * time.Second

// trouble tells of failures to reach the coordinator without flooding the log
// (rule S8): at the 1st, 2nd, 4th … in a row, and when it is over.
type trouble struct {
	logger   hclog.Logger
	clock    Clock
	given    []string // by the operator
	failures int64
	since    time.Time
	settled  bool // the list was good once, or the operator was told
}

func (t *trouble) add(address string, err error) {
	if t.failures == 0 {
		t.since = t.clock.Now()
	}
	t.failures++
	if worthTelling(t.failures) {
		t.logger.Warn("waiting for coordinator", "coordinator", address, "failures", t.failures,
			"for", t.clock.Now().Sub(t.since).Round(time.Millisecond), "error", err)
	}
	if !t.settled && t.clock.Now().Sub(t.since) >= adviseAfter {
		t.settled = true
		t.logger.Warn("none of the coordinators that were given leads the cluster: see that they run, and if they were removed from it, give --coordinator the present list",
			"coordinators", t.given)
	}
}

func (t *trouble) over(address string) {
	if t.failures > 0 {
		t.logger.Info("coordinator is back", "coordinator", address, "failures", t.failures,
			"after", t.clock.Now().Sub(t.since).Round(time.Millisecond))
	}
	t.failures, t.settled = 0, true
}
