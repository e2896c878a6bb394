package protocol

import "slices"

// modelCoordinator is one running incarnation. Two may run at once, when one
// has been deposed and does not know it.
type modelCoordinator struct {
	c     *Coordinator
	epoch Epoch
}

// startCoordinator begins a new incarnation on the log. The one that runs, if
// any, goes on, and is deposed by the first record of the new one (C1).
func (w *world) startCoordinator() {
	w.disk.log.crash(w.rng.IntN(w.disk.log.unforced() + 1))
	state, err := w.disk.recover()
	if err != nil {
		w.fail("the coordinator does not start: %v", err)
	}
	blocks := make([]*Block, len(state.Pending))
	for i, p := range state.Pending {
		blocks[i] = w.clients.blocks[p.Block].block
	}
	epoch := state.Epoch + 1
	if w.mistake == reuseEpoch && epoch > 1 {
		state.Epoch, epoch = state.Epoch-1, epoch-1
	}
	c, e, err := NewCoordinator(state, epoch, blocks, CoordinatorOptions{Window: 3, QueueBlocks: 6})
	if err != nil {
		w.fail("the coordinator does not start: %v", err)
	}
	w.trace("coordinator of epoch %d starts, %d decided, %d pending", epoch, len(w.ghost.decided), len(blocks))
	if len(w.coordinators) > 1 {
		w.remove(w.coordinators[0])
	}
	m := &modelCoordinator{c: c, epoch: epoch}
	w.coordinators = append(w.coordinators, m)
	w.carryOut(m, e)
	w.pass(m, Tick{w.now})
}

// stopCoordinator crashes the newest incarnation.
func (w *world) stopCoordinator() {
	if n := len(w.coordinators); n > 0 {
		w.crashed(w.coordinators[n-1])
	}
}

func (w *world) crashed(m *modelCoordinator) {
	w.trace("coordinator of epoch %d: crash", m.epoch)
	if m.epoch == w.disk.owner {
		w.disk.log.crash(w.rng.IntN(w.disk.log.unforced() + 1))
	}
	w.remove(m)
}

// tellDeposed lets deposed incarnations find out, as the periodic confirmation
// of the epoch does.
func (w *world) tellDeposed() {
	for _, m := range slices.Clone(w.coordinators) {
		if m.epoch < w.disk.owner {
			w.pass(m, Fenced{"a newer epoch"})
		}
	}
}

// remove ends an incarnation with all its sessions; its clients are told
// "unknown".
func (w *world) remove(m *modelCoordinator) {
	w.coordinators = slices.DeleteFunc(w.coordinators, func(o *modelCoordinator) bool { return o == m })
	for _, l := range w.links {
		if l.coordinator == m {
			l.cutNow(w)
			l.coordinatorTold = true
		}
	}
	w.clients.forget(m)
}

// pass steps the machine with events that waited together, joins what it gives
// and carries it out: one force for all of them.
func (w *world) pass(m *modelCoordinator, events ...Event) {
	if !slices.Contains(w.coordinators, m) {
		return
	}
	var all Effects
	for _, ev := range events {
		e, err := m.c.Step(ev)
		if err != nil {
			if slices.ContainsFunc(w.shards, func(s *modelShard) bool { return s.lied }) {
				panic(noticed{})
			}
			w.fail("the coordinator of epoch %d is quarantined by %T: %v", m.epoch, ev, err)
		}
		all.Join(e)
	}
	w.carryOut(m, all)
}

func (w *world) carryOut(m *modelCoordinator, e Effects) {
	if (len(e.Persist) > 0 || e.Force) && !w.appendTo(m, e) {
		return
	}
	if w.chance(w.faults) && w.chance(10) {
		w.crashed(m)
		return
	}
	for _, env := range e.Send {
		w.toShard(env)
	}
	for _, a := range e.Answer {
		w.answered(m, a)
	}
	for _, c := range e.Close {
		if l := w.link(c.Session); l != nil {
			l.closedByCoordinator(w)
		}
	}
	if e.StepDown != "" {
		w.trace("coordinator of epoch %d steps down: %s", m.epoch, e.StepDown)
		w.remove(m)
	}
}

// appendTo writes the records. It reports false if nothing below them may
// happen: the log refuses, or the node crashes with its outcome unknown.
func (w *world) appendTo(m *modelCoordinator, e Effects) bool {
	epoch := m.epoch
	if w.mistake == noFence {
		epoch = max(epoch, w.disk.owner)
	}
	if w.mistake == withdrawUnforced && !slices.ContainsFunc(e.Persist, func(r Record) bool { _, ok := r.(Withdrawn); return !ok }) {
		e.Force = false
	}
	if w.mistake == commitBeforeForce && !slices.ContainsFunc(e.Persist, func(r Record) bool { _, ok := r.(*Decision); return !ok }) {
		e.Force = false
	}
	if w.chance(w.faults) && w.chance(5) {
		// It crashes with the records written and not forced.
		if w.disk.append(epoch, e.Persist, false) == nil {
			w.crashed(m)
			w.decidedOnDisk()
			return false
		}
	}
	if w.disk.append(epoch, e.Persist, e.Force) != nil {
		w.pass(m, Fenced{"the log refuses"})
		return false
	}
	for _, r := range e.Persist {
		if d, ok := r.(*Decision); ok {
			w.ghost.decide(w, d)
		}
	}
	return true
}

// decidedOnDisk finds a decision that a crash has kept although nobody was told.
func (w *world) decidedOnDisk() {
	for _, r := range w.disk.log.records {
		if d, ok := r.decode().(*Decision); ok && d.Height() > Height(len(w.ghost.decided)) {
			w.ghost.decide(w, d)
		}
	}
}

// keepHistory moves decisions into the history, and trims the log.
func (w *world) keepHistory() {
	if len(w.coordinators) == 0 {
		return
	}
	m := w.coordinators[len(w.coordinators)-1]
	if m.epoch != w.disk.owner || m.c.height() == m.c.kept {
		return
	}
	h := m.c.kept + 1 + Height(w.rng.IntN(int(m.c.height()-m.c.kept)))
	w.disk.keepHistory(m.c, h)
	w.trace("history kept up to %d", h)
	w.pass(m, HistoryKept{h})
	if slices.Contains(w.coordinators, m) {
		w.disk.trim(m.c, w.rng.IntN(w.disk.log.forced+1))
	}
}
