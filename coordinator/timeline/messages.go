package timeline

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Activity gives what was counted so far.
func (r *Recorder) Activity() *wirepb.Activity {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := &wirepb.Activity{
		SinceUnixMs: uint64(r.since.UnixMilli()), Blocks: r.counts.blocks, Transactions: r.counts.transactions,
		Aborted: r.counts.aborted, Rejected: r.counts.rejected, AttemptsGivenUp: r.counts.givenUp, Latency: r.latency.Message(),
	}
	for _, name := range slices.Sorted(maps.Keys(r.counts.outcomes)) {
		a.Outcomes = append(a.Outcomes, &wirepb.OutcomeCount{Name: name, Count: r.counts.outcomes[name]})
	}
	return a
}

// mostWaiting bounds the blocks behind the window that are listed.
const mostWaiting = 64

// Timelines gives the blocks under way in order of height, then the oldest of
// those that wait behind the window, then those that are over, the newest first;
// of the block with a key alone, if it is not "".
func (r *Recorder) Timelines(key string) []*wirepb.Timeline {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	var all []*wirepb.Timeline
	for _, b := range r.waiting() {
		if key == "" || b.key == key {
			all = append(all, b.message(now))
		}
	}
	for _, b := range slices.Backward(r.over) {
		if key == "" || b.key == key {
			all = append(all, b.message(now))
		}
	}
	return all
}

// waiting gives the blocks that are not over. r.mu is held.
func (r *Recorder) waiting() []*block {
	list := slices.SortedFunc(maps.Values(r.live), func(a, b *block) int {
		if (a.height == 0) != (b.height == 0) {
			return cmp.Compare(b.height, a.height) // without a height: behind the window
		}
		return cmp.Or(cmp.Compare(a.height, b.height), a.taken.Compare(b.taken), cmp.Compare(a.key, b.key))
	})
	return list[:min(len(list), protocol.MaxWindow+mostWaiting)]
}

func (b *block) message(now time.Time) *wirepb.Timeline {
	m := &wirepb.Timeline{
		Key: b.key, Height: uint64(b.height), Transactions: uint64(b.transactions), TakenUnixMs: uint64(b.taken.UnixMilli()),
		End: b.end, Reason: b.reason, AttemptsTotal: b.total,
		VotedUs: b.after(b.voted), DecidedUs: b.after(b.decided), CommittedUs: b.after(b.committed), AgeUs: b.after(now),
	}
	for _, a := range b.attempts {
		m.Attempts = append(m.Attempts, b.attemptMessage(a))
	}
	for _, name := range protocol.SortedCounts(b.outcomes) {
		m.OutcomeCounts = append(m.OutcomeCounts, &wirepb.OutcomeCount{Name: name, Count: uint64(b.outcomes[name])})
	}
	return m
}

func (b *block) attemptMessage(a *attempt) *wirepb.AttemptTimeline {
	m := &wirepb.AttemptTimeline{
		Epoch: uint64(a.id.Epoch), Attempt: a.id.Attempt, BeganUs: b.after(a.began), GivenUpUs: b.after(a.givenUp), Reason: a.reason,
	}
	for _, v := range a.votes {
		one := &wirepb.VoteTimeline{Shard: uint32(v.shard), AtUs: b.after(v.at), Prepared: v.prepared, Reason: v.reason}
		if v.prepared {
			one.Digest = v.digest[:]
		}
		m.Votes = append(m.Votes, one)
	}
	return m
}

// after is how long after it was taken up something happened, at least 1 us; 0 if
// it has not.
func (b *block) after(at time.Time) uint64 {
	if at.IsZero() {
		return 0
	}
	return uint64(max(1, at.Sub(b.taken).Microseconds()))
}
