// Package timeline notes what happens when to the blocks of a coordinator, for
// people: how long a block waited, who voted when, how often it was tried. No
// rule depends on it, and nothing of it is durable.
//
// A Recorder hears of every step of the state machine, and of the moment at which
// its effects have been carried out. It remembers the blocks that are taken up and
// not decided, which the coordinator bounds, and a few dozen that are over.
package timeline

import (
	"strings"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/durations"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// mostOver is how many blocks are remembered that are over.
	mostOver = 64
	// mostAttempts is how many attempts of a block are remembered.
	mostAttempts = 8
	// mostReason bounds a sentence, in bytes.
	mostReason = 512
)

// Recorder notes what one incarnation of a coordinator does. Stepped and
// CarriedOut are for the goroutine that steps the machine; the rest is safe for
// concurrent use.
type Recorder struct {
	now     func() time.Time
	latency durations.Counter

	mu      sync.Mutex
	since   time.Time
	live    map[protocol.Digest]*block            // by block id
	keys    map[string]*block                     // the same by block key
	tried   map[protocol.Height]*block            // those with a live attempt
	over    []*block                              // the newest last
	due     []*block                              // decided, and not known to be durable
	greeted map[protocol.Session]protocol.ShardID // by sessions that stand, welcome or not
	shards  []shard
	counts  counts
}

// counts only grow.
type counts struct {
	blocks, transactions, aborted, rejected, givenUp uint64
	outcomes                                         map[string]uint64
}

// New begins with the blocks that were found undecided in the log.
func New(shards int, pending []*protocol.Block, now func() time.Time) *Recorder {
	r := &Recorder{
		now: now, since: now(), live: map[protocol.Digest]*block{}, keys: map[string]*block{},
		tried: map[protocol.Height]*block{}, greeted: map[protocol.Session]protocol.ShardID{},
		shards: make([]shard, shards), counts: counts{outcomes: map[string]uint64{}},
	}
	for _, b := range pending {
		r.take(b, r.since)
	}
	return r
}

func (r *Recorder) take(b *protocol.Block, now time.Time) *block {
	one := &block{key: b.Key, id: b.ID, transactions: b.Transactions, taken: now}
	r.live[b.ID], r.keys[b.Key] = one, one
	return one
}

// Stepped notes one step of the machine, whose effects are yet to be carried out.
func (r *Recorder) Stepped(ev protocol.Event, e *protocol.Effects) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	switch ev := ev.(type) {
	case protocol.Submitted:
		r.submitted(ev, e, now)
	case protocol.Closed:
		delete(r.greeted, ev.Session)
	case protocol.Received:
		r.received(ev.Envelope, now)
	}
	for _, note := range e.Notes {
		if note.Kind == protocol.NoteAborted {
			r.givenUp(note, now)
		}
	}
	for _, record := range e.Persist {
		if w, ok := record.(protocol.Withdrawn); ok {
			r.withdrawn(w, e, now)
		}
	}
	for _, d := range e.Decided {
		r.decided(d, now)
	}
	for _, env := range e.Send {
		if m, ok := env.Message.(*protocol.Execute); ok {
			r.begun(m, now)
		}
	}
}

// CarriedOut notes that the effects of every step so far have been carried out:
// what was decided is durable.
func (r *Recorder) CarriedOut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.due) == 0 {
		return
	}
	now := r.now()
	for _, b := range r.due {
		b.decided = now
		r.latency.Observe(now.Sub(b.taken))
		r.counts.blocks++
		r.counts.transactions += uint64(b.transactions)
		for name, n := range b.outcomes {
			r.counts.outcomes[name] += uint64(n)
		}
		r.end(b, wirepb.TimelineEnd_TIMELINE_END_COMMITTED)
	}
	clear(r.due)
	r.due = r.due[:0]
}

// submitted notes a block that was taken up, which is one whose client has no
// answer yet.
func (r *Recorder) submitted(ev protocol.Submitted, e *protocol.Effects, now time.Time) {
	for _, a := range e.Answer {
		if a.Waiter == ev.Waiter {
			return
		}
	}
	b := r.live[ev.Block.ID]
	if b == nil {
		b = r.take(ev.Block, now)
	}
	if b.waiter == 0 {
		b.waiter = ev.Waiter
	}
}

func (r *Recorder) received(env protocol.Envelope, now time.Time) {
	if hello, ok := env.Message.(*protocol.Hello); ok {
		if int(hello.Shard) >= len(r.shards) {
			return
		}
		r.greeted[env.Session] = hello.Shard
		for i := range hello.Prepared {
			r.vote(hello.Shard, &hello.Prepared[i], now)
		}
		r.reached(hello.Shard, hello.Committed.Height(), now)
		return
	}
	shard, known := r.greeted[env.Session]
	if !known {
		return
	}
	switch m := env.Message.(type) {
	case *protocol.Vote:
		r.vote(shard, m, now)
	case protocol.Ack:
		r.reached(shard, m.Committed, now)
	}
}

func (r *Recorder) vote(shard protocol.ShardID, v *protocol.Vote, now time.Time) {
	b := r.tried[v.Attempt.Height]
	if b == nil || b.attempt().id != v.Attempt {
		return
	}
	a := b.attempt()
	for _, known := range a.votes {
		if known.shard == shard {
			return
		}
	}
	one := vote{shard: shard, at: now, prepared: v.Yes, reason: cut(v.Refusal.Reason)}
	if v.Yes {
		one.digest = v.Digest
	}
	a.votes = append(a.votes, one)
}

// givenUp ends an attempt, and those above it, which build on it (C3).
func (r *Recorder) givenUp(note protocol.Note, now time.Time) {
	for h, b := range r.tried {
		if h < note.Attempt.Height {
			continue
		}
		delete(r.tried, h)
		a := b.attempt()
		a.givenUp, a.reason = now, cut(note.Text)
		if a.id != note.Attempt {
			a.reason = "the attempt " + note.Attempt.String() + " below it was given up"
		}
		r.counts.givenUp++
	}
}

// withdrawn ends a block without a decision. What its client is told says why.
func (r *Recorder) withdrawn(w protocol.Withdrawn, e *protocol.Effects, now time.Time) {
	b := r.keys[w.Key]
	if b == nil {
		return
	}
	end := wirepb.TimelineEnd_TIMELINE_END_ABORTED
	for _, a := range e.Answer {
		if b.waiter == 0 || a.Waiter != b.waiter {
			continue
		}
		b.reason = cut(a.Reason)
		if a.Verdict == protocol.VerdictRejected {
			end = wirepb.TimelineEnd_TIMELINE_END_REJECTED
		}
	}
	if end == wirepb.TimelineEnd_TIMELINE_END_REJECTED {
		r.counts.rejected++
	} else {
		r.counts.aborted++
	}
	b.height, b.decided = 0, now // its height goes to another block
	r.end(b, end)
}

func (r *Recorder) decided(d *protocol.Decision, now time.Time) {
	b := r.live[d.Block]
	if b == nil {
		return
	}
	b.height, b.voted, b.outcomes = d.Height(), now, d.Outcomes.Counts()
	delete(r.tried, b.height)
	r.due = append(r.due, b)
}

// begun notes an attempt when the first shard is told of it.
func (r *Recorder) begun(x *protocol.Execute, now time.Time) {
	b := r.live[x.Block]
	if b == nil {
		return
	}
	if len(b.attempts) > 0 && b.attempt().id == x.Attempt {
		return
	}
	if b.total++; len(b.attempts) == mostAttempts {
		b.attempts = append(b.attempts[:0], b.attempts[1:]...)
	}
	b.height = x.Attempt.Height
	r.tried[b.height] = b
	b.attempts = append(b.attempts, &attempt{id: x.Attempt, began: now})
}

// end puts a block among those that are over.
func (r *Recorder) end(b *block, end wirepb.TimelineEnd) {
	delete(r.live, b.id)
	delete(r.keys, b.key)
	b.end = end
	if len(r.over) == mostOver {
		r.over = append(r.over[:0], r.over[1:]...)
	}
	r.over = append(r.over, b)
}

// cut bounds a sentence.
func cut(reason string) string {
	if len(reason) <= mostReason {
		return reason
	}
	return strings.ToValidUTF8(reason[:mostReason], "") + " …"
}
