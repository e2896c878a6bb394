package rpc

import (
	"time"

	"github.com/hashicorp/go-hclog"
)

// trouble tells of failures to reach the coordinator without flooding the log
// (rule S8): at the 1st, 2nd, 4th … in a row, and when it is over.
type trouble struct {
	logger   hclog.Logger
	clock    Clock
	failures int64
	since    time.Time
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
}

func (t *trouble) over(address string) {
	if t.failures > 0 {
		t.logger.Info("coordinator is back", "coordinator", address, "failures", t.failures,
			"after", t.clock.Now().Sub(t.since).Round(time.Millisecond))
	}
	t.failures = 0
}
