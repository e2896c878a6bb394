package sim

import (
	"slices"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/protocol"
)

// olderVotesCount: votes on an attempt that was aborted count for the one of the
// same block that is live.
func olderVotesCount(w *world, into *Wraps) {
	coordinators(func(at Place, m coordinator.Machine) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			if v, ok := message(ev).(*protocol.Vote); ok && v.Yes {
				if live := liveAt(m, v.Attempt.Height); !live.IsZero() && v.Attempt.Compare(live) < 0 && w.attempts[live][1] == w.attempts[v.Attempt][1] {
					at.Count("planted")
					again := *v
					again.Attempt = live
					ev = with(ev, &again)
				}
			}
			return m.Step(ev)
		}
	}, into)
}

// liveAt gives the live attempt of a height; zero for none.
func liveAt(m coordinator.Machine, h protocol.Height) protocol.AttemptID {
	for _, b := range m.Status().InFlight {
		if b.Height == h {
			return b.Attempt
		}
	}
	return protocol.AttemptID{}
}

// emptyPartsAssumed: a shard that has no transaction of a block is not waited
// for; its state stays as it is.
func emptyPartsAssumed(w *world, into *Wraps) {
	coordinators(func(at Place, m coordinator.Machine) step {
		sessions := senders{}
		return func(ev protocol.Event) (protocol.Effects, error) {
			sessions.of(ev)
			e, err := m.Step(ev)
			now := m.Status()
			if err != nil || len(now.InFlight) == 0 || now.InFlight[0].Phase != protocol.PhaseVoting {
				return e, err
			}
			next := now.InFlight[0]
			b := w.blockOf(next.Attempt)
			for _, s := range next.Missing {
				if b == nil || len(b.Parts[s].Indexes) > 0 {
					continue
				}
				at.Count("planted")
				v := &protocol.Vote{Attempt: next.Attempt, Yes: true}
				if now.Decided != nil {
					v.Digest = now.Decided.Digests[s]
				}
				more, err := m.Step(protocol.Received{Envelope: protocol.Envelope{Session: sessions.sessionOf(s), Epoch: now.Epoch, Message: v}})
				if err != nil {
					return e, err
				}
				e.Join(more)
			}
			return e, nil
		}
	}, into)
}

// actUnwritten: what an operator asks for is done without a record.
func actUnwritten(_ *world, into *Wraps) { unwritten(protocol.RecordResolved, into) }

// withdrawnUnwritten: a block is withdrawn without a record.
func withdrawnUnwritten(_ *world, into *Wraps) { unwritten(protocol.RecordWithdrawn, into) }

// joinedUnwritten: a shard is bound to its directory without a record.
func joinedUnwritten(_ *world, into *Wraps) { unwritten(protocol.RecordJoined, into) }

func unwritten(t protocol.RecordType, into *Wraps) {
	coordinators(func(at Place, m coordinator.Machine) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			e, err := m.Step(ev)
			e.Persist = slices.DeleteFunc(e.Persist, func(r protocol.Record) bool {
				if r.RecordType() == t {
					at.Count("planted")
				}
				return r.RecordType() == t
			})
			return e, err
		}
	}, into)
}

// toldBeforeForce: a client is told committed while the decision is still to be
// forced.
func toldBeforeForce(_ *world, into *Wraps) {
	waiting := map[int]coordinator.Clients{} // by incarnation
	into.Clients = func(at Place, c coordinator.Clients) coordinator.Clients {
		waiting[at.Start] = c
		return c
	}
	coordinators(func(at Place, m coordinator.Machine) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			e, err := m.Step(ev)
			e.Answer = slices.DeleteFunc(e.Answer, func(a protocol.Answer) bool {
				if a.Verdict != protocol.VerdictCommitted || len(e.Decided) == 0 {
					return false
				}
				at.Count("planted")
				waiting[at.Start].Answer(a)
				return true
			})
			return e, err
		}
	}, into)
}

// resyncAbortsNothing: a shard that comes back with an attempt that is not live
// any more is not told.
func resyncAbortsNothing(_ *world, into *Wraps) {
	withoutAborts(into, func(m protocol.Message) bool { _, hello := m.(*protocol.Hello); return hello })
}

// lateVotesUnanswered: a vote on an attempt that is not live any more gets no
// answer.
func lateVotesUnanswered(_ *world, into *Wraps) {
	withoutAborts(into, func(m protocol.Message) bool { v, vote := m.(*protocol.Vote); return vote && v.Yes })
}

// withoutAborts leaves out the Aborts that follow on some messages.
func withoutAborts(into *Wraps, following func(protocol.Message) bool) {
	coordinators(func(at Place, m coordinator.Machine) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			e, err := m.Step(ev)
			if following(message(ev)) {
				e.Send = slices.DeleteFunc(e.Send, func(env protocol.Envelope) bool {
					_, abort := env.Message.(protocol.Abort)
					if abort {
						at.Count("planted")
					}
					return abort
				})
			}
			return e, err
		}
	}, into)
}

// forgetsCommitted: decisions are forgotten when every shard has committed
// them, and not when it has them in its database.
func forgetsCommitted(_ *world, into *Wraps) {
	coordinators(func(at Place, m coordinator.Machine) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			switch said := message(ev).(type) {
			case protocol.Ack:
				if said.Checkpointed < said.Committed {
					at.Count("planted")
				}
				said.Checkpointed = said.Committed
				ev = with(ev, said)
			case *protocol.Hello:
				hello := *said
				hello.Checkpointed = hello.Committed.Height()
				ev = with(ev, &hello)
			}
			return m.Step(ev)
		}
	}, into)
}

// outcomesTakenAsFirstSaid: where shards disagree on the outcome of a
// transaction, the one that is heard first is right.
func outcomesTakenAsFirstSaid(w *world, into *Wraps) {
	coordinators(func(at Place, m coordinator.Machine) step {
		shards, first := senders{}, map[protocol.AttemptID]map[uint32]string{}
		agree := func(s protocol.ShardID, v protocol.Vote) protocol.Vote {
			b := w.blockOf(v.Attempt)
			if b == nil || !v.Yes || v.Outcomes.Len() != len(b.Parts[s].Indexes) {
				return v
			}
			if first[v.Attempt] == nil {
				first[v.Attempt] = map[uint32]string{}
			}
			agreed := protocol.NewOutcomes(v.Outcomes.Len())
			for i, index := range b.Parts[s].Indexes {
				name := v.Outcomes.At(i)
				if name == "" {
					continue
				}
				if said, ok := first[v.Attempt][index]; ok && said != name {
					at.Count("planted")
					name = said
				}
				first[v.Attempt][index] = name
				if err := agreed.Set(i, name); err != nil {
					return v
				}
			}
			v.Outcomes = agreed
			return v
		}
		return func(ev protocol.Event) (protocol.Effects, error) {
			s, known := shards.of(ev)
			switch said := message(ev).(type) {
			case *protocol.Vote:
				if known {
					v := agree(s, *said)
					ev = with(ev, &v)
				}
			case *protocol.Hello:
				hello := *said
				hello.Prepared = nil
				for _, v := range said.Prepared {
					hello.Prepared = append(hello.Prepared, agree(s, v))
				}
				ev = with(ev, &hello)
			}
			return m.Step(ev)
		}
	}, into)
}

// lookUpTrusted: a key that was looked up before the history grew counts as new.
func lookUpTrusted(_ *world, into *Wraps) {
	coordinators(func(at Place, m coordinator.Machine) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			if in, ok := ev.(protocol.Submitted); ok && in.Checked < m.Status().Kept {
				at.Count("planted")
				in.Checked = m.Status().Kept
				ev = in
			}
			return m.Step(ev)
		}
	}, into)
}
