package sim

import (
	"slices"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/protocol"
)

// wrongParents brings to light that a shard does not look at them: every first
// attempt of a block names one that never was.
func wrongParents(_ *world, into *Wraps) {
	into.CoordinatorSessions = func(at Place, s coordinator.Sessions) coordinator.Sessions { return wrongParentSessions{s, at} }
}

type wrongParentSessions struct {
	coordinator.Sessions
	at Place
}

func (s wrongParentSessions) Send(env protocol.Envelope) {
	if x, ok := env.Message.(*protocol.Execute); ok && !x.Parent.IsZero() && x.Attempt.Attempt%2 == 1 {
		s.at.Count("caused")
		wrong := *x
		wrong.Parent.Attempt += 1000
		env.Message = &wrong
	}
	s.Sessions.Send(env)
}

// deposedGoesOn brings to light that shards listen to lower epochs: a
// coordinator that meets a higher one does not step down, and aborts what is
// not its own.
func deposedGoesOn(w *world, into *Wraps) {
	coordinators(func(at Place, m coordinator.Machine) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			now := m.Status()
			in, ok := ev.(protocol.Received)
			if !ok || in.Epoch <= now.Epoch {
				return m.Step(ev)
			}
			in.Epoch = now.Epoch
			switch said := in.Message.(type) {
			case *protocol.Hello:
				if !couldMeet(now, said) {
					return m.Step(ev)
				}
				at.Count("caused")
				hello, others := asOf(now.Epoch, said)
				in.Message = hello
				e, err := m.Step(in)
				for _, a := range others {
					if w.decision(a.Height) == nil {
						e.Send = append(e.Send, protocol.Envelope{Session: in.Session, Epoch: now.Epoch, Message: protocol.Abort{Attempt: a}})
					}
				}
				return e, err
			case *protocol.Vote:
				if said.Attempt.Epoch > now.Epoch {
					return protocol.Effects{}, nil
				}
			}
			return m.Step(in)
		}
	}, into)
}

// couldMeet reports whether a deposed coordinator finds nothing wrong with a
// shard but its epoch.
func couldMeet(now protocol.CoordinatorStatus, m *protocol.Hello) bool {
	decided := protocol.Height(0)
	if now.Decided != nil {
		decided = now.Decided.Height()
	}
	if m.Committed.Height() > decided {
		return false
	}
	for _, b := range now.InFlight {
		voted := !b.Attempt.IsZero() && !slices.Contains(b.Missing, m.Shard)
		if voted && !slices.ContainsFunc(m.Prepared, func(v protocol.Vote) bool { return v.Attempt == b.Attempt }) {
			return false
		}
	}
	return true
}

// asOf gives a Hello as a shard would send it that has seen no higher epoch,
// and the attempts of higher ones.
func asOf(epoch protocol.Epoch, m *protocol.Hello) (*protocol.Hello, []protocol.AttemptID) {
	hello := *m
	hello.Epoch, hello.Prepared = epoch, nil
	var others []protocol.AttemptID
	for _, v := range m.Prepared {
		if v.Attempt.Epoch > epoch {
			others = append(others, v.Attempt)
		} else {
			hello.Prepared = append(hello.Prepared, v)
		}
	}
	return &hello, others
}
