package sim

import (
	"strings"

	"github.com/lockstep-exec/lockstep/protocol"
)

// checkRefusal: what a shard gives as the reason of a no is there.
func (w *world) checkRefusal(p *shardProcess, v *protocol.Vote) {
	why, explained := v.Refusal.Reason, false
	switch {
	case !v.Refusal.Retry:
		tooMuch := w.runner.ResultBytes > 0 && strings.Contains(why, "make smaller blocks")
		explained = tooMuch || strings.Contains(why, panicText) || strings.Contains(why, "no outcome")
	case strings.Contains(why, "no space is left"):
		explained = p.wasFull
	case strings.HasPrefix(why, "values from shards"): // that are reached, and do not send them
		explained = !w.calmly[v.Attempt]
	case strings.HasPrefix(why, "values from shard"), strings.Contains(why, "is not held here"):
		explained = true
	}
	w.check(explained, "7 liveness", "%s refuses %s, and nothing is in the way: %s", p.name, v.Attempt, why)
}
