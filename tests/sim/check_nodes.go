package sim

import (
	"bytes"
	"slices"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// checkShard checks what a step of a shard could have broken.
func (w *world) checkShard(s *shard) {
	p := s.process
	if p == nil || p.core == nil {
		return
	}
	now := p.core.Status()
	s.disk.noteDropped(now)
	if s.set != nil {
		return
	}
	w.check(now.Quarantined == "", "quarantine", "%s is quarantined: %s", p.name, now.Quarantined)
	w.check(now.Rejected == nil || now.Rejected.Kind == protocol.RejectStale, "quarantine", "%s is refused: %v", p.name, now.Rejected)
	w.check(now.Epoch == s.disk.state.Epoch, "1 agreement", "%s knows of epoch %d, durable is %d (S5)", p.name, now.Epoch, s.disk.state.Epoch)
	h := now.Committed.Height()
	w.check(h <= w.height(), "2 validity", "%s has committed height %d, which is not decided", p.name, h)
	if d := w.decision(h); d != nil {
		w.check(now.Committed == d.CommittedOn(s.id), "1 agreement", "%s has committed %s at height %d, decided is %s", p.name, now.Committed.Attempt, h, d.Attempt)
	}
	for ; s.shown < h; s.shown++ {
		w.checkShown(p, s.shown+1)
	}
	for up := h + 1; up <= w.height(); up++ {
		attempt := w.decision(up).Attempt
		w.check(holds(now.Held, attempt), "3 durability", "height %d is decided as %s, but %s has neither committed nor prepared it", up, attempt, p.name)
	}
}

// noteDropped notes what a process holds prepared no more.
func (d *disk) noteDropped(now *executor.Status) {
	for _, p := range d.state.Prepared {
		if p.Attempt.Height > now.Committed.Height() && !holds(now.Held, p.Attempt) {
			d.dropped[p.Attempt] = true
		}
	}
}

// holds reports whether an attempt is among those that a shard holds prepared.
func holds(held []protocol.HeldStatus, a protocol.AttemptID) bool {
	return slices.ContainsFunc(held, func(x protocol.HeldStatus) bool { return x.Attempt == a && x.Phase == protocol.PhasePrepared })
}

// checkShown reads what a block has changed, right after it is committed.
func (w *world) checkShown(p *shardProcess, h protocol.Height) {
	var keys [][]byte
	for _, key := range w.decision(h).changed {
		if w.config.Slots.Owner(key) == p.shard.id {
			keys = append(keys, key)
		}
	}
	w.count("commits")
	w.checkRead(p, keys, h)
}

// checkRead reads keys of one shard at one height, and compares with the
// sequential run. It reports whether the shard had the height at hand.
func (w *world) checkRead(p *shardProcess, keys [][]byte, at protocol.Height) bool {
	if len(keys) == 0 {
		return false
	}
	h, values, ok := p.read(keys, at)
	if !ok {
		return false
	}
	w.check(at == 0 || h == at, "8 atomic reads", "%s was asked for height %d and reads %d", p.name, at, h)
	w.check(h <= w.height(), "2 validity", "%s reads height %d, which is not decided", p.name, h)
	for i, key := range keys {
		want, _ := w.reference.at(key, h)
		w.check(values[i].Present == want.present && bytes.Equal(values[i].Bytes, want.value), "8 atomic reads",
			"%s reads key %q at height %d as %x (%v), a sequential run has %x (%v)", p.name, key, h, values[i].Bytes, values[i].Present, want.value, want.present)
	}
	w.reads++
	return true
}

// checkDurable: what is decided is on the disk of every shard, as committed or
// prepared, whatever is forced and whatever crashes.
func (w *world) checkDurable(s *shard) {
	for h := s.promised().state.Committed.Height() + 1; h <= w.height(); h++ {
		d := w.decision(h)
		p := s.promised().prepared(d.Attempt)
		w.check(p != nil && p.Digest == d.Digests[s.id], "3 durability", "height %d is decided as %s, but on the disk of shard %d it is neither committed nor prepared", h, d.Attempt, s.id)
	}
}

// checkStart compares what a start has brought back with what is on the disk.
func (w *world) checkStart(s *shard) {
	p, disk := s.process, s.disk.state
	now := p.core.Status()
	w.check(now.Committed == disk.Committed, "3 durability", "%s comes back at %s, its disk says %s", p.name, now.Committed.Attempt, disk.Committed.Attempt)
	w.check(now.Epoch == disk.Epoch, "1 agreement", "%s comes back with epoch %d, its disk says %d", p.name, now.Epoch, disk.Epoch)
	w.check(len(now.Held) <= len(disk.Prepared), "3 durability", "%s comes back with %d prepared attempts, its disk has %d", p.name, len(now.Held), len(disk.Prepared))
	for i, held := range disk.Prepared {
		if i < len(now.Held) {
			w.check(now.Held[i].Attempt == held.Attempt, "3 durability", "%s comes back with %s, its disk has %s", p.name, now.Held[i].Attempt, held.Attempt)
			continue
		}
		// A drop is not logged; what a checkpoint behind it has trimmed stays dropped.
		w.check(s.disk.dropped[held.Attempt], "3 durability", "%s comes back without %s, which it had prepared and not dropped", p.name, held.Attempt)
	}
	if len(now.Held) > 0 {
		w.count("starts in doubt")
	}
}

// checkCoordinator checks what a step of a coordinator could have broken.
func (w *world) checkCoordinator(p *coordinatorProcess) {
	if p.core == nil {
		return
	}
	now := p.core.Status()
	w.check(now.Quarantine == nil, "quarantine", "%s is quarantined: %v", p.name, now.Quarantine)
	if !p.log.owns() {
		return
	}
	w.check(now.Ended == "", "quarantine", "%s owns the log and has given up: %s", p.name, now.Ended)
	h := protocol.Height(0)
	if now.Decided != nil {
		h = now.Decided.Height()
	}
	w.check(h == w.height(), "5 order", "%s has decided up to height %d, its log up to %d", p.name, h, w.height())
	for _, b := range now.InFlight {
		if !b.Attempt.IsZero() {
			w.checkCounted(b)
		}
	}
}

// checkCounted: a vote that the coordinator counts is still on the voter's disk,
// and in its memory.
func (w *world) checkCounted(b protocol.BlockStatus) {
	for _, s := range w.shards {
		if slices.Contains(b.Missing, s.id) {
			continue
		}
		w.check(s.promised().prepared(b.Attempt) != nil, "4 no step alone", "the vote of shard %d on %s counts, and its disk does not hold it", s.id, b.Attempt)
		if p := s.process; p != nil && s.set == nil {
			w.check(holds(p.core.Status().Held, b.Attempt), "4 no step alone", "the vote of shard %d on %s counts, and it holds it no more", s.id, b.Attempt)
		}
	}
}

// checkSaid checks what a coordinator says at the moment it says it, to a shard
// or to one that is gone (nil).
func (w *world) checkSaid(p *coordinatorProcess, to *shardProcess, env protocol.Envelope) {
	w.check(env.Epoch <= w.decisions.claimed, "1 agreement", "%s speaks of epoch %d, claimed is %d (C1)", p.name, env.Epoch, w.decisions.claimed)
	w.check(p.refusing == "", "1 agreement", "%s has ended, and speaks", p.name)
	w.check(p.core == nil || env.Epoch == p.core.Status().Epoch, "1 agreement", "%s speaks of epoch %d, which is not its own", p.name, env.Epoch)
	switch m := env.Message.(type) {
	case protocol.Commit:
		d := w.decision(m.Height())
		w.check(d != nil && d.Attempt == m.Attempt && d.Root == m.Root, "2 validity", "%s commits %s, which is not decided", p.name, m.Attempt)
	case *protocol.Execute:
		as := [2]any{m.Parent, m.Block}
		before, again := w.attempts[m.Attempt]
		w.check(!again || before == as, "1 agreement", "attempt %s is used for two runs (C3)", m.Attempt)
		w.attempts[m.Attempt] = as
		if !again {
			// A deposed coordinator may step down before it has asked everybody, and
			// the next one may have no block that would take the attempt's place.
			w.calmly[m.Attempt] = w.calm && p.log.owns()
			w.count("attempts")
		}
	case protocol.Abort:
		if d := w.decision(m.Attempt.Height); d != nil {
			w.check(d.Attempt != m.Attempt, "1 agreement", "%s aborts %s, which is decided", p.name, m.Attempt)
		}
		w.count("aborts")
	case protocol.Reject:
		if m.Kind == protocol.RejectStale {
			w.count("stale coordinators met")
		} else {
			w.check(to == nil || to.old, "quarantine", "%s refuses a shard: %s", p.name, m.Reason)
		}
	case *protocol.Welcome:
		if to != nil && p.log.owns() {
			to.shard.accept(to)
		}
	}
}
