package protocol

import (
	"errors"
	"reflect"
	"testing"
)

// shardAudit checks the effects of one participant, and its restarts, against
// the rules of a shard. It knows what was put in and what came out, and nothing
// of how the machine works.
type shardAudit struct {
	audit
	disk     *shardDisk
	recorded map[AttemptID]*Prepared // durable, of this height or above the committed one
	dropped  map[AttemptID]bool      // since the last restart
	running  map[AttemptID]bool      // executions that the node was asked for
	applied  Height
}

func newShardAudit(t testing.TB, disk *shardDisk) *shardAudit {
	return &shardAudit{
		audit: newAudit(t), disk: disk, recorded: map[AttemptID]*Prepared{}, dropped: map[AttemptID]bool{}, running: map[AttemptID]bool{},
	}
}

// stepped checks one step, between two looks at the machine.
func (a *shardAudit) stepped(ev Event, e Effects, before, after ParticipantStatus) {
	a.sessions(e)
	if after.Epoch < before.Epoch {
		a.broken("S5", "the epoch falls from %d to %d", before.Epoch, after.Epoch)
	}
	if after.Committed.Height() != before.Committed.Height()+Height(len(e.Apply)) {
		a.broken("invariant 5", "height %d, then %d heights applied, then height %d", before.Committed.Height(), len(e.Apply), after.Committed.Height())
	}
	for _, h := range before.Held {
		if h.Phase == PhasePrepared && !holds(after, h.Attempt) && after.Committed.Attempt != h.Attempt {
			a.mayDrop(h.Attempt, ev, before)
		}
	}
	a.held(after)
	for _, x := range e.Execute {
		if parentIn(after, x.Attempt) != x.Parent {
			a.broken("S6", "attempt %s is executed on %s, below it is %s", x.Attempt, x.Parent, parentIn(after, x.Attempt))
		}
	}
}

// mayDrop is S2: only a word of the coordinator, on the session that stands,
// takes away what is prepared.
func (a *shardAudit) mayDrop(prepared AttemptID, ev Event, before ParticipantStatus) {
	in, ok := ev.(Received)
	if !ok || in.Session != before.Session || !before.Welcomed || in.Epoch < before.Epoch {
		a.broken("S2", "%T takes prepared attempt %s away", ev, prepared)
	}
	switch m := in.Message.(type) {
	case Abort:
		if m.Attempt.Height > prepared.Height {
			a.broken("S2", "an Abort of %s takes prepared attempt %s away", m.Attempt, prepared)
		}
	case *Execute:
		if m.Attempt.Height > prepared.Height || m.Attempt.Height == prepared.Height && m.Attempt.Compare(prepared) <= 0 {
			a.broken("S2", "an Execute of %s takes prepared attempt %s away", m.Attempt, prepared)
		}
	default:
		a.broken("S2", "a %T takes prepared attempt %s away", m, prepared)
	}
}

// held: no gap above the committed height, and nothing prepared above what is not.
func (a *shardAudit) held(s ParticipantStatus) {
	prepared := true
	for i, h := range s.Held {
		if h.Attempt.Height != s.Committed.Height()+1+Height(i) {
			a.broken("invariant 5", "attempt %s is held at place %d above height %d", h.Attempt, i, s.Committed.Height())
		}
		if h.Phase == PhasePrepared && !prepared {
			a.broken("S6", "attempt %s is prepared before its parent", h.Attempt)
		}
		prepared = h.Phase == PhasePrepared
	}
}

func holds(s ParticipantStatus, a AttemptID) bool { return phaseIn(s, a) != "" }

func phaseIn(s ParticipantStatus, a AttemptID) Phase {
	for _, h := range s.Held {
		if h.Attempt == a {
			return h.Phase
		}
	}
	return ""
}

func parentIn(s ParticipantStatus, a AttemptID) AttemptID {
	for _, h := range s.Held {
		if h.Attempt.Height+1 == a.Height {
			return h.Attempt
		}
	}
	return s.Committed.Attempt
}

// carriedOut checks joined effects, in the order in which a node carries them
// out, and then whether a restart would find what the machine knows.
func (a *shardAudit) carriedOut(e Effects, now ParticipantStatus) {
	a.persist(e)
	a.epochs(e)
	for _, d := range e.Drop {
		for at := range a.running {
			if at.Height >= d.Height {
				delete(a.running, at)
			}
		}
		for at := range a.recorded {
			a.dropped[at] = a.dropped[at] || at.Height >= d.Height
		}
	}
	for _, c := range e.Apply {
		a.apply(c)
	}
	for _, env := range e.Send {
		a.promised(env.Message)
	}
	for _, x := range e.Execute {
		a.running[x.Attempt] = true
	}
	a.executions(now)
	if len(e.Persist) > 0 {
		a.recoverable(now)
	}
}

// executions: what the machine waits for is executed, and nothing else.
func (a *shardAudit) executions(now ParticipantStatus) {
	for _, h := range now.Held {
		if h.Phase == PhaseExecuting && !a.running[h.Attempt] {
			a.broken("effects", "the machine waits for %s, which nobody executes", h.Attempt)
		}
	}
	for at := range a.running {
		if phaseIn(now, at) != PhaseExecuting {
			a.broken("effects", "%s is executed, and the machine does not wait for it", at)
		}
	}
}

func (a *shardAudit) persist(e Effects) {
	a.disk.log.append(e.Persist, e.Force)
	for _, r := range e.Persist {
		switch r := r.(type) {
		case *Prepared:
			a.mustForce(r, e)
			a.recorded[r.Attempt] = r
			delete(a.dropped, r.Attempt)
		case EpochSeen:
			a.mustForce(r, e)
			a.epoch = max(a.epoch, r.Epoch)
		case Adopted:
			a.mustForce(r, e)
		}
	}
}

func (a *audit) mustForce(r Record, e Effects) {
	if !e.Force {
		a.broken("effects", "%T is not forced", r)
	}
}

// apply is S3 and S4.
func (a *shardAudit) apply(c Committed) {
	if c.Height() != a.applied+1 {
		a.broken("invariant 5", "height %d is applied after %d", c.Height(), a.applied)
	}
	if r := a.recorded[c.Attempt]; r == nil || r.Digest != c.Digest {
		a.broken("S3", "attempt %s is applied with digest %s, prepared is %+v", c.Attempt, c.Digest, r)
	}
	a.applied = c.Height()
	for at := range a.recorded {
		if at.Height <= c.Height() {
			delete(a.recorded, at)
		}
	}
}

// promised is S1: every yes that leaves has its record, also those in a Hello.
func (a *shardAudit) promised(m Message) {
	switch m := m.(type) {
	case *Vote:
		a.vote(*m)
	case *Hello:
		for _, v := range m.Prepared {
			a.vote(v)
		}
	}
}

func (a *shardAudit) vote(v Vote) {
	if !v.Yes || v.Attempt.Height <= a.applied {
		return // a vote from before the commit that the same pass applied
	}
	if r := a.recorded[v.Attempt]; r == nil || r.Digest != v.Digest || !r.Outcomes.Equal(v.Outcomes) {
		a.broken("S1", "a yes to %s leaves, recorded is %+v", v.Attempt, r)
	}
}

// recoverable: whatever a crash leaves of the log can be read, and all of it
// gives what the machine knows. What was dropped may come back, for drops are
// not logged.
func (a *shardAudit) recoverable(now ParticipantStatus) {
	if _, err := a.disk.recover(a.disk.log.forced); err != nil {
		a.broken("replay", "of what is forced: %v", err)
	}
	s, err := a.disk.recover(len(a.disk.log.records))
	if err != nil {
		a.broken("replay", "%v", err)
	}
	if s.Epoch != now.Epoch || s.Committed != now.Committed || !s.Config.Equal(now.Config) {
		a.broken("replay", "gives epoch %d and %+v, the machine has %d and %+v", s.Epoch, s.Committed, now.Epoch, now.Committed)
	}
	for i, p := range s.Prepared {
		if i < len(now.Held) && now.Held[i] == (HeldStatus{p.Attempt, PhasePrepared}) {
			continue
		}
		if !a.dropped[p.Attempt] {
			a.broken("replay", "gives prepared attempt %s, which the machine does not hold", p.Attempt)
		}
	}
	for i, h := range now.Held {
		if h.Phase == PhasePrepared && (i >= len(s.Prepared) || s.Prepared[i].Attempt != h.Attempt) {
			a.broken("invariant 3", "a replay loses prepared attempt %s", h.Attempt)
		}
	}
}

// quarantined checks an error: it is proof of divergence, it says nothing else,
// it changes nothing, and it stays.
func (a *shardAudit) quarantined(p *Participant, ev Event, e Effects, err error, before ParticipantStatus) {
	switch in := ev.(type) {
	case Damaged:
	case Received:
		_, commit := in.Message.(Commit)
		if _, abort := in.Message.(Abort); !commit && !abort {
			a.broken("S3", "%T leads to %v", in.Message, err)
		}
	default:
		a.broken("S3", "%T leads to %v", ev, err)
	}
	after := p.Status()
	if !errors.Is(err, ErrDivergence) || !errors.Is(after.Quarantine, err) || !reflect.DeepEqual(e, Effects{}) {
		a.broken("quarantine", "error %v, status %v, effects %+v", err, after.Quarantine, e)
	}
	after.Quarantine, after.Config, before.Config = nil, Config{}, Config{}
	if !reflect.DeepEqual(after, before) {
		a.broken("quarantine", "changes %s to %s", brief(before), brief(after))
	}
	if e, again := p.Step(Opened{1 << 40}); again != err || !reflect.DeepEqual(e, Effects{}) {
		a.broken("quarantine", "ends with %v, %+v", again, e)
	}
}

// restarted begins anew with what a crash has left: everything that was voted
// and not dropped must be there (S2, invariant 3).
func (a *shardAudit) restarted(s ShardState, before ParticipantStatus) {
	has := map[AttemptID]bool{}
	for _, p := range s.Prepared {
		has[p.Attempt] = true
	}
	for _, c := range s.Replayed {
		has[c.Attempt] = true
	}
	for _, h := range before.Held {
		if h.Phase == PhasePrepared && a.recorded[h.Attempt] != nil && !has[h.Attempt] {
			a.broken("invariant 3", "a crash takes prepared attempt %s", h.Attempt)
		}
	}
	if s.Epoch < a.epoch {
		a.broken("S5", "a crash takes epoch %d back to %d", a.epoch, s.Epoch)
	}
	a.applied = s.Committed.Height()
	clear(a.dropped)
	clear(a.running)
	clear(a.open)
	clear(a.recorded)
	for _, p := range s.Prepared {
		a.recorded[p.Attempt] = p
	}
}
