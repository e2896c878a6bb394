package sim

import (
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// plant puts a mistake, or what brings one to light, into the nodes of a world
// that has not begun.
type plant func(w *world, into *Wraps)

// step is what a machine does with an event.
type step func(protocol.Event) (protocol.Effects, error)

// participants puts a step in the place of that of every shard's machine.
// around makes it, once for each process, from the machine that is there.
func participants(around func(Place, executor.Participant) step, into *Wraps) {
	inner := into.Participant
	into.Participant = func(at Place, m executor.Participant) executor.Participant {
		m = wrapped(inner, at, m)
		return steppedParticipant{m, around(at, m)}
	}
}

type steppedParticipant struct {
	executor.Participant
	step step
}

func (s steppedParticipant) Step(ev protocol.Event) (protocol.Effects, error) { return s.step(ev) }

// coordinators does the same for the coordinator's machine.
func coordinators(around func(Place, coordinator.Machine) step, into *Wraps) {
	inner := into.Coordinator
	into.Coordinator = func(at Place, m coordinator.Machine) coordinator.Machine {
		m = wrapped(inner, at, m)
		return steppedCoordinator{m, around(at, m)}
	}
}

type steppedCoordinator struct {
	coordinator.Machine
	step step
}

func (s steppedCoordinator) Step(ev protocol.Event) (protocol.Effects, error) { return s.step(ev) }

// message gives the message that an event brings, or nil.
func message(ev protocol.Event) protocol.Message {
	if in, ok := ev.(protocol.Received); ok {
		return in.Message
	}
	return nil
}

// with gives the event with another message.
func with(ev protocol.Event, m protocol.Message) protocol.Event {
	in := ev.(protocol.Received)
	in.Message = m
	return in
}

// heldAt gives the attempt that a shard holds at a height, or has committed
// there.
func heldAt(s protocol.ParticipantStatus, h protocol.Height) (a protocol.AttemptID, ok bool) {
	if h == s.Committed.Height() {
		return s.Committed.Attempt, true
	}
	for _, held := range s.Held {
		if held.Attempt.Height == h {
			return held.Attempt, true
		}
	}
	return protocol.AttemptID{}, false
}

// blockOf gives the block of an attempt that has begun, and its parts.
func (w *world) blockOf(a protocol.AttemptID) *protocol.Block {
	id := w.attempts[a][1]
	for _, submissions := range w.asked {
		for _, s := range submissions {
			if s.content.id == id {
				return coordinator.NewBlock(s.content.key, s.content.body, s.content.transactions, w.config.Slots)
			}
		}
	}
	return nil
}

// senders tells which shard a coordinator's session belongs to.
type senders map[protocol.Session]protocol.ShardID

func (s senders) of(ev protocol.Event) (shard protocol.ShardID, ok bool) {
	in, received := ev.(protocol.Received)
	if !received {
		return 0, false
	}
	if hello, first := in.Message.(*protocol.Hello); first {
		s[in.Session] = hello.Shard
	}
	shard, ok = s[in.Session]
	return shard, ok
}

// sessionOf is the newest session of a shard.
func (s senders) sessionOf(shard protocol.ShardID) (newest protocol.Session) {
	for session, of := range s {
		if of == shard {
			newest = max(newest, session)
		}
	}
	return newest
}
