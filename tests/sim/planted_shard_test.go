package sim

import (
	"slices"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// dropOnDisconnect: the end of a session aborts what is held.
func dropOnDisconnect(_ *world, into *Wraps) {
	participants(func(at Place, m executor.Participant) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			var all protocol.Effects
			now := m.Status()
			if closed, ok := ev.(protocol.Closed); ok && closed.Session == now.Session && now.Welcomed && len(now.Held) > 0 {
				at.Count("planted")
				e, err := m.Step(protocol.Received{Envelope: protocol.Envelope{Session: now.Session, Epoch: now.Epoch, Message: protocol.Abort{Attempt: now.Held[0].Attempt}}})
				if err != nil {
					return e, err
				}
				all.Join(e)
			}
			e, err := m.Step(ev)
			all.Join(e)
			return all, err
		}
	}, into)
}

// epochNotDurable: an epoch that was seen is not written down.
func epochNotDurable(_ *world, into *Wraps) {
	participants(func(at Place, m executor.Participant) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			e, err := m.Step(ev)
			e.Persist = slices.DeleteFunc(e.Persist, func(r protocol.Record) bool {
				_, seen := r.(protocol.EpochSeen)
				if seen {
					at.Count("planted")
				}
				return seen
			})
			return e, err
		}
	}, into)
}

// shownBeforeCommit: what is prepared is shown at once.
func shownBeforeCommit(_ *world, into *Wraps) {
	participants(func(at Place, m executor.Participant) step {
		var shown protocol.Height
		return func(ev protocol.Event) (protocol.Effects, error) {
			e, err := m.Step(ev)
			e.Apply = slices.DeleteFunc(e.Apply, func(c protocol.Committed) bool { return c.Height() <= shown })
			next := m.Status().Committed.Height() + 1
			for _, r := range e.Persist {
				if p, ok := r.(*protocol.Prepared); ok && p.Attempt.Height == next && next > shown {
					at.Count("planted")
					shown = next
					e.Apply = append(e.Apply, protocol.Committed{Attempt: p.Attempt, Digest: p.Digest})
				}
			}
			return e, err
		}
	}, into)
}

// abortLeavesAbove: an Abort of a height leaves what is prepared above it, and
// the shard vouches for it when it comes back.
func abortLeavesAbove(_ *world, into *Wraps) {
	participants(func(at Place, m executor.Participant) step {
		votes := map[protocol.AttemptID]protocol.Vote{}
		var left []protocol.Vote
		return func(ev protocol.Event) (protocol.Effects, error) {
			before := m.Status().Held
			e, err := m.Step(ev)
			abort, aborted := message(ev).(protocol.Abort)
			for _, held := range before {
				vote, voted := votes[held.Attempt]
				if aborted && voted && held.Attempt.Height > abort.Attempt.Height && len(m.Status().Held) < len(before) {
					left = append(left, vote)
				}
			}
			for _, env := range e.Send {
				switch said := env.Message.(type) {
				case *protocol.Vote:
					votes[said.Attempt] = *said
					left = slices.DeleteFunc(left, func(v protocol.Vote) bool { return v.Attempt.Height <= said.Attempt.Height })
				case *protocol.Hello:
					if len(left) > 0 {
						at.Count("planted")
					}
					said.Prepared = append(said.Prepared, left...)
				}
			}
			return e, err
		}
	}, into)
}

// helloForgets: a Hello does not tell what is prepared.
func helloForgets(_ *world, into *Wraps) {
	participants(func(at Place, m executor.Participant) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			e, err := m.Step(ev)
			for _, env := range e.Send {
				if hello, ok := env.Message.(*protocol.Hello); ok && len(hello.Prepared) > 0 {
					at.Count("planted")
					hello.Prepared = nil
				}
			}
			return e, err
		}
	}, into)
}

// unknownCommitAcked: a Commit of an attempt that the shard does not know is
// answered with success.
func unknownCommitAcked(_ *world, into *Wraps) {
	participants(func(at Place, m executor.Participant) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			now := m.Status()
			commit, ok := nextCommit(now, ev)
			if held, _ := heldAt(now, commit.Attempt.Height); !ok || held == commit.Attempt {
				return m.Step(ev)
			}
			at.Count("planted")
			return protocol.Effects{Send: []protocol.Envelope{{
				Session: now.Session, Epoch: now.Epoch, Message: protocol.Ack{Committed: commit.Height(), Checkpointed: now.Checkpointed},
			}}}, nil
		}
	}, into)
}

// commitOfAnother brings that to light: some Commits name an attempt that
// never was.
func commitOfAnother(_ *world, into *Wraps) {
	spoilCommits(into, func(c *protocol.Commit) { c.Attempt.Attempt += 1000 })
}

// commitDigestIgnored: a Commit is taken with whatever digest it names.
func commitDigestIgnored(w *world, into *Wraps) {
	participants(func(at Place, m executor.Participant) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			commit, ok := nextCommit(m.Status(), ev)
			prepared := w.shards[at.Shard].disk.prepared(commit.Attempt)
			if !ok || prepared == nil || prepared.Digest == commit.Digest {
				return m.Step(ev)
			}
			at.Count("planted")
			named := commit.Digest
			commit.Digest = prepared.Digest
			e, err := m.Step(with(ev, commit))
			for i := range e.Apply {
				e.Apply[i].Digest = named
			}
			for i, r := range e.Persist {
				if c, ok := r.(protocol.CommittedRecord); ok {
					c.Digest = named
					e.Persist[i] = c
				}
			}
			return e, err
		}
	}, into)
}

// commitOfAnotherState brings that to light: some Commits name another digest
// than the one that was voted.
func commitOfAnotherState(_ *world, into *Wraps) {
	spoilCommits(into, func(c *protocol.Commit) { c.Digest[0] ^= 1 })
}

// spoilCommits changes some of the Commits that a shard gets.
func spoilCommits(into *Wraps, spoil func(*protocol.Commit)) {
	participants(func(at Place, m executor.Participant) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			if commit, ok := nextCommit(m.Status(), ev); ok && at.Rand.IntN(5) == 0 {
				at.Count("caused")
				spoil(&commit)
				ev = with(ev, commit)
			}
			return m.Step(ev)
		}
	}, into)
}

// nextCommit gives the Commit that an event brings, if it is for the height
// that the shard commits next.
func nextCommit(now protocol.ParticipantStatus, ev protocol.Event) (c protocol.Commit, ok bool) {
	in, received := ev.(protocol.Received)
	if !received || in.Session != now.Session || !now.Welcomed {
		return protocol.Commit{}, false
	}
	c, ok = in.Message.(protocol.Commit)
	return c, ok && c.Height() == now.Committed.Height()+1
}

// parentIgnored: an Execute is taken up on whatever is held below it.
func parentIgnored(_ *world, into *Wraps) {
	participants(func(at Place, m executor.Participant) step {
		named := map[protocol.AttemptID]protocol.AttemptID{}
		return func(ev protocol.Event) (protocol.Effects, error) {
			if x, ok := message(ev).(*protocol.Execute); ok {
				if below, ok := heldAt(m.Status(), x.Attempt.Height-1); ok && below != x.Parent {
					at.Count("planted")
					named[x.Attempt] = x.Parent
					taken := *x
					taken.Parent = below
					ev = with(ev, &taken)
				}
			}
			e, err := m.Step(ev)
			for _, r := range e.Persist {
				if p, ok := r.(*protocol.Prepared); ok && named[p.Attempt] != (protocol.AttemptID{}) {
					p.Parent = named[p.Attempt]
				}
			}
			return e, err
		}
	}, into)
}

// lowerEpochTaken: a shard takes messages of a lower epoch than it has seen.
func lowerEpochTaken(_ *world, into *Wraps) {
	participants(func(at Place, m executor.Participant) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			if in, ok := ev.(protocol.Received); ok && in.Epoch < m.Status().Epoch {
				at.Count("planted")
				in.Epoch = m.Status().Epoch
				ev = in
			}
			return m.Step(ev)
		}
	}, into)
}
