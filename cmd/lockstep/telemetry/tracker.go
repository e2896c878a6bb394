package telemetry

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// tracker knows the times of the blocks of one incarnation that are not over. It
// holds no more than the state machine does: an entry for every block that is
// taken up, and for every height in the window or not committed everywhere.
type tracker struct {
	taken    map[string]time.Time // by block key
	heights  map[protocol.Height]*blockTimes
	sessions map[protocol.Session]protocol.ShardID // that have said hello
	heard    map[protocol.ShardID]protocol.Height  // committed there
	deciding []*protocol.Decision                  // not known to be durable
	decided  []*blockTimes                         // durable, not known to be committed everywhere; ascending
}

// blockTimes are zero for what has not happened.
type blockTimes struct {
	attempt                            protocol.AttemptID
	shards                             int
	taken, began, first, last, decided time.Time
}

func newTracker() tracker {
	return tracker{
		taken: map[string]time.Time{}, heights: map[protocol.Height]*blockTimes{},
		sessions: map[protocol.Session]protocol.ShardID{}, heard: map[protocol.ShardID]protocol.Height{},
	}
}

// submitted notes when a block was taken up. One that is answered in the same
// step was not, or is over.
func (t *tracker) submitted(ev protocol.Submitted, answers []protocol.Answer, now time.Time) {
	for _, a := range answers {
		if a.Waiter == ev.Waiter {
			return
		}
	}
	if _, known := t.taken[ev.Block.Key]; !known {
		t.taken[ev.Block.Key] = now
	}
}

// began notes an attempt, once for all shards. An older one of its height is over.
func (t *tracker) began(a protocol.AttemptID, now time.Time) {
	if old := t.heights[a.Height]; old == nil || old.attempt != a {
		t.heights[a.Height] = &blockTimes{attempt: a, began: now}
	}
}

func (t *tracker) voted(a protocol.AttemptID, now time.Time) {
	b := t.heights[a.Height]
	if b == nil || b.attempt != a {
		return
	}
	if b.first.IsZero() {
		b.first = now
	}
	b.last = now
}

// decide gives the times of a block whose decision is durable.
func (t *tracker) decide(d *protocol.Decision, now time.Time) blockTimes {
	b := t.heights[d.Height()]
	if b == nil || b.attempt != d.Attempt {
		b = &blockTimes{attempt: d.Attempt}
	}
	b.taken, b.shards, b.decided = t.taken[d.Key], len(d.Digests), now
	delete(t.taken, d.Key)
	delete(t.heights, d.Height())
	t.decided = append(t.decided, b)
	return *b
}

func (t *tracker) greeted(s protocol.Session, m *protocol.Hello) { t.sessions[s] = m.Shard }

// acknowledged gives the blocks that are committed everywhere, now that one more
// shard has said so.
func (t *tracker) acknowledged(s protocol.Session, committed protocol.Height) (over []*blockTimes) {
	shard, ok := t.sessions[s]
	if !ok || committed <= t.heard[shard] {
		return nil
	}
	t.heard[shard] = committed
	n := 0
	for n < len(t.decided) && t.everywhere(t.decided[n]) {
		n++
	}
	over, t.decided = t.decided[:n:n], t.decided[n:]
	return over
}

func (t *tracker) everywhere(b *blockTimes) bool {
	for s := range b.shards {
		if t.heard[protocol.ShardID(s)] < b.attempt.Height {
			return false
		}
	}
	return true
}
