package sim

import "time"

// silence is how long a node hears nothing before it gives a session, or a
// stream, up.
const silence = 4 * time.Second

// way is one direction between two nodes. While it is blocked nothing gets
// through; if that lasts, whoever waits at its end notices.
type way struct{ since, until time.Duration }

func (v *way) blocked(now time.Duration) bool { return now < v.until }

// block cuts the way off for a while.
func (v *way) block(now, until time.Duration) {
	if !v.blocked(now) {
		v.since = now
	}
	v.until = max(v.until, until)
}

// silent reports whether nothing has come this way for too long.
func (v *way) silent(now time.Duration) bool {
	return v.blocked(now) && now-v.since > silence
}

// ways are both directions between two nodes.
type ways struct{ there, back way }

func (v *ways) open(now time.Duration) bool { return !v.there.blocked(now) && !v.back.blocked(now) }

// peerWay is the direction from one shard to another.
func (w *world) peerWay(from, to int) *way { return &w.peerWays[from*len(w.shards)+to] }
