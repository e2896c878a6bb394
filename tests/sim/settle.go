package sim

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/state"
)

const (
	// settleSteps bounds the steps from the last fault until all is at rest.
	settleSteps = 8_000
	// settleTime bounds the simulated time of the same.
	settleTime = 60 * time.Second
	// restSteps is the number of steps after which it is looked at again.
	restSteps = 20
)

// settle stops the faults and lets everything come to rest (invariant 7).
func (w *world) settle() {
	w.trace.note("fault", "no more")
	w.calm = true
	w.mend()
	w.closeViews()
	w.takeAway()
	for _, c := range w.clients {
		if c.held != nil {
			c.handOver()
		}
	}
	n, began := 0, w.now
	for ; !w.atRest(); n += restSteps {
		if n >= settleSteps || w.now-began > settleTime {
			_ = w.fail("7 liveness", "nothing comes of it within %d steps and %s after the faults have stopped: %s", n, w.now-began, w.unrest())
		}
		for range restSteps {
			w.step()
		}
	}
	w.settled, w.settledIn = max(w.settled, n), max(w.settledIn, w.now-began)
	w.trace.note("observer", "at rest", uint64(w.height()))
}

// crashAll is a loss of power everywhere at once.
func (w *world) crashAll() {
	w.count("losses of all power")
	for _, s := range w.shards {
		s.end("loses power")
	}
	for _, p := range slices.Clone(w.coordinators) {
		p.end("loses power")
	}
}

// mend ends every fault that lasts, and disarms those that have not happened.
func (w *world) mend() {
	for i := range w.peerWays {
		w.peerWays[i].until = 0
	}
	for _, s := range w.shards {
		if p := s.process; p != nil {
			p.fuse, p.busyUntil = 0, 0
			p.failAppend, p.failSync, p.refuseTrim, p.failTrim, p.putOff = false, false, false, false, false
		}
	}
	for _, p := range w.coordinators {
		p.fuse, p.failLog, p.noSpace, p.failHistory, p.busyUntil = 0, false, false, false, 0
		for i := range p.ways {
			p.ways[i] = ways{}
		}
		if !p.log.owns() {
			p.confirmAt = w.now
		}
	}
}

// atRest reports whether nothing is left to be done.
func (w *world) atRest() bool { return w.unrest() == "" }

// unrest says what is left to be done, or "".
func (w *world) unrest() string {
	c := w.owner()
	if c == nil {
		return "no coordinator owns the log"
	}
	now := c.core.Status()
	if len(now.InFlight) > 0 || now.Queued > 0 || len(c.inbox) > 0 {
		return fmt.Sprintf("%s has %d blocks in flight %v and %d queued, shards %+v", c.name, len(now.InFlight), now.InFlight, now.Queued, now.Shards)
	}
	if len(c.waiting) > 0 {
		return fmt.Sprintf("%d clients of %s have no answer", len(c.waiting), c.name)
	}
	for _, s := range w.shards {
		if why := w.unrestOf(s); why != "" {
			return why
		}
	}
	for _, t := range w.streams {
		if len(t.inFlight) > 0 && !t.toOver {
			return "values are on their way"
		}
	}
	return ""
}

func (w *world) unrestOf(s *shard) string {
	p := s.process
	if p == nil {
		return fmt.Sprintf("shard %d is down", s.id)
	}
	now := p.core.Status()
	switch {
	case !now.Welcomed:
		return fmt.Sprintf("%s has no session", p.name)
	case now.Committed.Height() != w.height():
		return fmt.Sprintf("%s is at height %d of %d", p.name, now.Committed.Height(), w.height())
	case len(now.Held) > 0:
		return fmt.Sprintf("%s holds %v", p.name, now.Held)
	case now.Checkpointed != w.height():
		return fmt.Sprintf("%s has checkpointed height %d of %d", p.name, now.Checkpointed, w.height())
	case p.store.Stats().PinnedBytes > 0: // for views that are closed by now
		return fmt.Sprintf("%s still has what views needed: %+v", p.name, p.store.Stats())
	case len(p.inbox) > 0 || len(p.pieces) > 0:
		return fmt.Sprintf("%s has %d events and %d pieces to do", p.name, len(p.inbox), len(p.pieces))
	case p.session.up.len() > 0 || p.session.down.len() > 0:
		return fmt.Sprintf("messages of %s are on their way", p.name)
	}
	return ""
}

// finish looks at what is left at rest: no memory is held for what is over, and
// the databases hold what a sequential run comes to, byte by byte.
func (w *world) finish() {
	w.checkHistory(w.owner())
	for _, s := range w.shards {
		p := s.process
		w.check(p.exchange.bytes() == 0, "memory", "%s keeps %d bytes for its peers", p.name, p.exchange.bytes())
		stats := p.store.Stats()
		w.check(stats.StagedBytes == 0 && stats.PendingBytes == 0 && stats.PinnedBytes == 0 && stats.OpenViews == 0, "memory", "%s keeps state in memory: %+v", p.name, stats)
		w.checkDatabase(s)
	}
}

// checkHistory: every decision can be found, by height and by key, and is in
// the history after the next pass of its keeper.
func (w *world) checkHistory(c *coordinatorProcess) {
	w.check(c.keepNow() == nil, "3 durability", "%s cannot keep its decisions", c.name)
	w.check(c.history.Height() == w.height(), "3 durability", "the history of %s goes up to height %d of %d", c.name, c.history.Height(), w.height())
	for _, d := range w.decided {
		byHeight, _, err := c.core.Decision(d.Height())
		w.check(err == nil && sameDecision(d.Decision, byHeight), "3 durability", "%s does not find the decision of height %d", c.name, d.Height())
		byKey, _, _, err := c.core.Find(d.Key)
		w.check(err == nil && sameDecision(d.Decision, byKey), "3 durability", "%s does not find block %q", c.name, d.Key)
	}
}

// checkDatabase compares the file with the sequential run.
func (w *world) checkDatabase(s *shard) {
	store := s.process.store
	digest := store.Checkpoint().Committed.Digest
	w.check(store.Close() == nil, "files", "the database of shard %d cannot be closed", s.id)
	seen := 0
	report, err := state.ScanDatabase(s.folder, func(p state.Pair) error {
		seen++
		want, ok := w.reference.run.Get(p.Key)
		w.check(ok && bytes.Equal(want, p.Value) && w.config.Slots.Owner(p.Key) == s.id, "6 determinism",
			"the database of shard %d holds %x under %q, a sequential run has %x (%v)", s.id, p.Value, p.Key, want, ok)
		return nil
	})
	if err == nil {
		err = report.Err()
	}
	w.check(err == nil, "6 determinism", "the database of shard %d cannot be read: %v", s.id, err)
	want := 0
	for key := range w.reference.run.State() {
		if w.config.Slots.Owner([]byte(key)) == s.id {
			want++
		}
	}
	w.check(seen == want, "6 determinism", "the database of shard %d holds %d keys, a sequential run has %d", s.id, seen, want)
	w.check(digest == w.reference.run.StateDigest(w.config.Slots, s.id), "6 determinism", "the digest of shard %d is not that of a sequential run", s.id)
}
