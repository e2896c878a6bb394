package protocol

import "slices"

// modelLink is a session between a shard and an incarnation, with what is on
// its way. Either side may learn of its end late; what was sent before may
// still arrive until then.
type modelLink struct {
	session         Session
	shard           *modelShard
	coordinator     *modelCoordinator
	toShard         []Envelope
	toCoordinator   []Envelope
	cut             bool
	shardTold       bool
	coordinatorTold bool
}

func (w *world) link(s Session) *modelLink {
	for _, l := range w.links {
		if l.session == s {
			return l
		}
	}
	return nil
}

// dial opens a session to the newest coordinator, or to a deposed one.
func (w *world) dial(s *modelShard) {
	if s.p == nil || s.p.session != 0 || len(w.coordinators) == 0 {
		return
	}
	w.sessions++
	m := w.coordinators[len(w.coordinators)-1]
	if w.chance(w.faults) {
		m = w.coordinators[0]
	}
	w.links = append(w.links, &modelLink{session: w.sessions, shard: s, coordinator: m})
	w.step(s, Opened{w.sessions})
}

func (w *world) toCoordinator(env Envelope) {
	if l := w.link(env.Session); l != nil && !l.cut {
		l.toCoordinator = append(l.toCoordinator, env)
	}
}

func (w *world) toShard(env Envelope) {
	if l := w.link(env.Session); l != nil && !l.cut {
		l.toShard = append(l.toShard, env)
	}
}

// cutNow ends a session: of what is on its way, the last part is lost.
func (l *modelLink) cutNow(w *world) {
	if l.cut {
		return
	}
	l.cut = true
	l.toShard = l.toShard[:w.rng.IntN(len(l.toShard)+1)]
	l.toCoordinator = l.toCoordinator[:w.rng.IntN(len(l.toCoordinator)+1)]
}

// closedByCoordinator ends a session after what was sent to it.
func (l *modelLink) closedByCoordinator(w *world) {
	sent := l.toShard
	l.cutNow(w)
	l.toShard, l.coordinatorTold = sent, true
}

func (w *world) cut() {
	if len(w.links) > 0 {
		l := w.links[w.rng.IntN(len(w.links))]
		w.trace("session %d is cut", l.session)
		l.cutNow(w)
	}
}

// deliver moves what is on its way on one session: a few messages in one
// direction, as one batch.
func (w *world) deliver() {
	w.links = slices.DeleteFunc(w.links, func(l *modelLink) bool {
		return l.cut && l.shardTold && l.coordinatorTold && len(l.toShard) == 0
	})
	var ways []func(*world)
	for _, l := range w.links {
		if len(l.toShard) > 0 || (l.cut && !l.shardTold) {
			ways = append(ways, l.deliverToShard)
		}
		if len(l.toCoordinator) > 0 || (l.cut && !l.coordinatorTold) {
			ways = append(ways, l.deliverToCoordinator)
		}
	}
	if len(ways) > 0 {
		ways[w.rng.IntN(len(ways))](w)
	}
}

// deliverToShard also brings messages of a session whose end the shard has
// been told of: it must not handle them (S5).
func (l *modelLink) deliverToShard(w *world) {
	if l.shard.p == nil {
		l.toShard, l.shardTold = nil, true
		return
	}
	if len(l.toShard) == 0 {
		if l.cut && !l.shardTold {
			l.shardTold = true
			w.step(l.shard, Closed{l.session})
		}
		return
	}
	if l.cut && !l.shardTold && w.chance(20) {
		l.shardTold = true
		w.step(l.shard, Closed{l.session})
		return
	}
	n := 1 + w.rng.IntN(min(3, len(l.toShard)))
	events := make([]Event, n)
	for i := range events {
		events[i] = Received{l.next(w)}
	}
	w.step(l.shard, events...)
}

// next takes the first message. A Commit may overtake Executes.
func (l *modelLink) next(w *world) Envelope {
	i := 0
	for i+1 < len(l.toShard) && w.chance(50) {
		_, execute := l.toShard[i].Message.(*Execute)
		if !execute {
			break
		}
		i++
	}
	if _, commit := l.toShard[i].Message.(Commit); !commit {
		i = 0
	}
	env := l.toShard[i]
	l.toShard = slices.Delete(slices.Clone(l.toShard), i, i+1)
	return env
}

func (l *modelLink) deliverToCoordinator(w *world) {
	if l.coordinatorTold || !slices.Contains(w.coordinators, l.coordinator) {
		l.toCoordinator, l.coordinatorTold = nil, true
		return
	}
	if len(l.toCoordinator) == 0 {
		if l.cut {
			l.coordinatorTold = true
			w.pass(l.coordinator, Closed{l.session})
		}
		return
	}
	n := 1 + w.rng.IntN(min(3, len(l.toCoordinator)))
	var events []Event
	for _, env := range l.toCoordinator[:n] {
		if a, ok := env.Message.(Ack); ok && w.mistake == forgetOnCommit {
			env.Message = Ack{Committed: a.Committed, Checkpointed: a.Committed}
		}
		events = append(events, Received{env})
	}
	l.toCoordinator = slices.Clone(l.toCoordinator[n:])
	w.pass(l.coordinator, events...)
}

// step does for a shard what pass does for a coordinator.
func (w *world) step(s *modelShard, events ...Event) {
	var all Effects
	for _, ev := range events {
		w.healthy(s, ev)
		if w.mistake == dropOnDisconnect {
			s.dropEverything(ev)
		}
		e, err := s.p.Step(ev)
		if err != nil {
			s.wrong("is quarantined by %T: %v", ev, err)
		}
		all.Join(e)
	}
	s.carryOut(all)
}

// healthy: no shard of this world has done wrong, so none may be told so.
func (w *world) healthy(s *modelShard, ev Event) {
	r, ok := ev.(Received)
	if !ok || r.Session != s.p.session {
		return
	}
	if m, ok := r.Message.(Reject); ok && m.Kind != RejectStale {
		s.wrong("is refused, although it has done nothing wrong: %s", m.Reason)
	}
}
