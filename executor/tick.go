package executor

import (
	"fmt"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Tick looks at what executions wait for: the checkpoint may have caught up,
// and a run that waits for a peer that stays away is ended, for trying again
// can help. A shard calls it every tickInterval.
func (r *Runner) Tick() {
	for _, w := range r.waits() {
		if why := r.overdue(w); why != "" {
			w.run.fail(protocol.Refusal{Reason: why, Retry: true, Cause: protocol.CausePeer})
			w.pool.add(nil)
		}
	}
}

// wait is a run that may wait for values, and for how long none have come.
type wait struct {
	run   *run
	pool  *pool
	quiet time.Duration
}

func (r *Runner) waits() (list []wait) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.parts.Now()
	for _, e := range r.executions {
		r.turn(e)
		if e.phase == running {
			list = append(list, wait{run: e.run, pool: e.pool, quiet: now.Sub(e.heard)})
		}
	}
	return list
}

// WaitsFor gives the shards whose values executions wait for now, in order.
func (r *Runner) WaitsFor() (shards []protocol.ShardID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.executions {
		if e.phase == running {
			shards = append(shards, e.run.waitsFor()...)
		}
	}
	slices.Sort(shards)
	return slices.Compact(shards)
}

// overdue says who has been waited for long enough, or "".
func (r *Runner) overdue(w wait) string {
	owing := w.run.waitsFor()
	for _, s := range owing {
		if silent := r.parts.Pusher.Silent(s); silent > r.options.PeerTimeout {
			return fmt.Sprintf("values from shard %d are missing, and it has not been reached for %s", s, silent.Round(100*time.Millisecond))
		}
	}
	if len(owing) > 0 && w.quiet > r.options.StallTimeout {
		return fmt.Sprintf("values from shards %v have not come for %s", owing, w.quiet.Round(time.Second))
	}
	return ""
}
