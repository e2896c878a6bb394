package timeline

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// shard is what is known of a shard.
type shard struct {
	committed protocol.Height // by its own word
}

// reached notes how far a shard is, and which blocks are committed everywhere
// with that.
func (r *Recorder) reached(shard protocol.ShardID, h protocol.Height, now time.Time) {
	if h <= r.shards[shard].committed {
		return
	}
	r.shards[shard].committed = h
	lowest := h
	for _, other := range r.shards {
		lowest = min(lowest, other.committed)
	}
	for _, b := range r.over {
		if b.committed.IsZero() && b.end == wirepb.TimelineEnd_TIMELINE_END_COMMITTED && b.height <= lowest {
			b.committed = now
		}
	}
}
