package timeline

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// shard is what is known of a shard.
type shard struct {
	session   protocol.Session // that was welcomed last
	away      time.Time        // since when it has none; zero while it has
	committed protocol.Height  // by its own word
}

// welcomed notes that a shard has a session.
func (r *Recorder) welcomed(s protocol.Session) {
	if id, ok := r.greeted[s]; ok {
		r.shards[id].session, r.shards[id].away = s, time.Time{}
	}
}

func (r *Recorder) closed(s protocol.Session, now time.Time) {
	if id, ok := r.greeted[s]; ok && r.shards[id].session == s {
		r.shards[id].away = now
	}
	delete(r.greeted, s)
}

// Away gives for how long each shard has had no session; 0 for those that have.
func (r *Recorder) Away() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, list := r.now(), make([]time.Duration, len(r.shards))
	for i, s := range r.shards {
		if !s.away.IsZero() {
			list[i] = max(now.Sub(s.away), time.Millisecond)
		}
	}
	return list
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
