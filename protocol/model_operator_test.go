package protocol

// operate has an operator ask some incarnation, which may be deposed, to have some
// block settled (C10).
func (w *world) operate() {
	if len(w.coordinators) == 0 {
		return
	}
	m := w.coordinators[w.rng.IntN(len(w.coordinators))]
	ev := w.wish(m.c)
	if ev.Key == "" {
		return
	}
	w.clients.last++
	ev.Waiter = w.clients.last
	w.clients.operators[ev.Waiter] = ev
	w.trace("an operator asks epoch %d: %s of block %q, dry run %t", m.epoch, ev.Action, ev.Key, ev.DryRun)
	w.pass(m, ev)
}

// wish draws what an operator asks for: a block that waits, or one that is decided.
func (w *world) wish(c *Coordinator) Resolve {
	ev := Resolve{Action: ResolveAction(1 + w.rng.IntN(3)), By: "someone", DryRun: w.chance(20)}
	switch {
	case len(c.blocks) > 0 && w.chance(80):
		p := c.blocks[w.rng.IntN(len(c.blocks))]
		ev.Key, ev.Attempt = p.block.Key, p.attempt
	case c.decided != nil:
		ev.Key, ev.Height = c.decided.Key, c.height()
	}
	return ev
}

// heard checks what an operator is told.
func (w *world) heard(m *modelCoordinator, asked Resolve, a Answer) {
	delete(w.clients.operators, a.Waiter)
	switch a.Verdict {
	case VerdictResolved:
		if asked.Action != ResolveResync && w.ghost.keys[asked.Key] {
			w.fail("C10: an operator is told that block %q is taken back, and it is decided", asked.Key)
		}
		if asked.Action == ResolveWithdraw && !asked.DryRun {
			w.clients.withdrawn(asked.Key, m.epoch, m.epoch == w.disk.owner)
		}
	case VerdictCommitted:
		if !w.ghost.keys[asked.Key] {
			w.fail("invariant 3: an operator is told that block %q is committed, and it is not", asked.Key)
		}
	case VerdictRefused, VerdictStaysInDoubt:
	default:
		w.fail("C10: an operator is given verdict %d", a.Verdict)
	}
}
