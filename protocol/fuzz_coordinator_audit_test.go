package protocol

import (
	"errors"
	"reflect"
	"slices"
	"testing"
)

// coordinatorAudit checks the effects of coordinators, one after the other on
// one log, against the rules of a coordinator. Like shardAudit it knows what was
// put in and what came out.
type coordinatorAudit struct {
	audit
	disk    *coordinatorDisk
	blocks  map[Digest]*Block
	shardOf map[Session]ShardID // as its Hello says

	decided []*Decision // in order of height
	keys    map[string]Height
	after   map[string]string // predecessors of the blocks that are proposed, by key

	// Of the incarnation that runs:
	claimed Epoch
	begun   map[Height]AttemptID   // highest attempt that was sent
	live    map[Height]AttemptID   // begun, and not ended since
	yes     map[AttemptID][]voteOf // whatever was said, counted or not
	waiting map[Waiter]string      // key of the block that a client waits for
}

type voteOf struct {
	shard ShardID
	vote  Vote
}

func newCoordinatorAudit(t testing.TB, disk *coordinatorDisk, blocks map[Digest]*Block) *coordinatorAudit {
	return &coordinatorAudit{audit: newAudit(t), disk: disk, blocks: blocks, keys: map[string]Height{}, after: map[string]string{}}
}

// restarted begins an incarnation; its first effects are checked as all others.
func (a *coordinatorAudit) restarted(epoch Epoch, s CoordinatorState) {
	if epoch <= a.claimed {
		a.broken("C1", "epoch %d after epoch %d", epoch, a.claimed)
	}
	if found := (&DecisionLog{Decided: s.Decided}).Height(); found != Height(len(a.decided)) {
		a.broken("invariant 3", "%d heights are decided, a restart finds %d", len(a.decided), found)
	}
	a.after = map[string]string{}
	for _, p := range s.Pending {
		a.proposed(p)
	}
	a.claimed = epoch
	clear(a.open)
	a.shardOf, a.waiting = map[Session]ShardID{}, map[Waiter]string{}
	a.begun, a.live, a.yes = map[Height]AttemptID{}, map[Height]AttemptID{}, map[AttemptID][]voteOf{}
}

// hears notes what an event tells, before the machine gets it.
func (a *coordinatorAudit) hears(ev Event) {
	switch ev := ev.(type) {
	case Submitted:
		if ev.Waiter != 0 {
			a.waiting[ev.Waiter] = ev.Block.Key
		}
	case Resolve:
		a.waiting[ev.Waiter] = ev.Key
	case Closed:
		delete(a.open, ev.Session)
	case Received:
		switch m := ev.Message.(type) {
		case *Hello:
			a.open[ev.Session], a.shardOf[ev.Session] = true, m.Shard
			for _, v := range m.Prepared {
				a.yes[v.Attempt] = append(a.yes[v.Attempt], voteOf{m.Shard, v})
			}
		case *Vote:
			if m.Yes {
				a.yes[m.Attempt] = append(a.yes[m.Attempt], voteOf{a.shardOf[ev.Session], *m})
			}
		}
	}
}

// stepped checks one step. A decision counts from the step that gives it on;
// carriedOut sees to it that its record is forced before anything is told.
func (a *coordinatorAudit) stepped(ev Event, e Effects) {
	a.lost(ev, e)
	a.resolved(ev, e)
	withdrawn := map[string]bool{}
	for _, r := range e.Persist {
		switch r := r.(type) {
		case *Proposed:
			a.proposed(r)
		case *Decision:
			a.mustForce(r, e)
			a.decision(r)
		case Withdrawn:
			a.mustForce(r, e)
			withdrawn[r.Key] = true
			a.withdrawn(r.Key)
			a.end(r.Height)
		case Joined:
			a.mustForce(r, e)
		case EpochClaimed:
			a.mustForce(r, e)
		}
	}
	a.sessions(e)
	for _, env := range e.Send {
		a.sent(a.shardOf[env.Session], env.Message)
	}
	for _, answer := range e.Answer {
		a.answer(answer, withdrawn)
	}
}

// lost: a shard that is told that it has lost data votes no more for what it
// does not hold (invariant 2).
func (a *coordinatorAudit) lost(ev Event, e Effects) {
	in, _ := ev.(Received)
	m, ok := in.Message.(*Hello)
	if !ok || !slices.ContainsFunc(e.Send, func(env Envelope) bool {
		r, ok := env.Message.(Reject)
		return ok && env.Session == in.Session && r.Kind == RejectLostData
	}) {
		return
	}
	for at, votes := range a.yes {
		if !slices.ContainsFunc(m.Prepared, func(v Vote) bool { return v.Attempt == at }) {
			a.yes[at] = slices.DeleteFunc(votes, func(v voteOf) bool { return v.shard == m.Shard })
		}
	}
}

// decision is C2, C3 and section 5 of the design.
func (a *coordinatorAudit) decision(d *Decision) {
	h := d.Height()
	var below *Decision
	if len(a.decided) > 0 {
		below = a.decided[len(a.decided)-1]
	}
	switch {
	case h != Height(len(a.decided)+1) || !d.buildsOn(below):
		a.broken("invariant 5", "%s is decided on top of height %d", brief(d), len(a.decided))
	case a.keys[d.Key] != 0:
		a.broken("C3", "block key %q is decided at heights %d and %d", d.Key, a.keys[d.Key], h)
	case a.live[h] != d.Attempt:
		a.broken("C2", "attempt %s is decided, live is %s", d.Attempt, a.live[h])
	}
	for s, digest := range d.Digests {
		if !slices.ContainsFunc(a.yes[d.Attempt], func(v voteOf) bool {
			return v.shard == ShardID(s) && v.vote.Digest == digest && a.agrees(d, ShardID(s), v.vote.Outcomes)
		}) {
			a.broken("C2", "shard %d has not voted for %s", s, brief(d))
		}
	}
	if after := a.after[d.Key]; after != "" && a.keys[after] == 0 {
		a.broken("C9", "block %q is decided before block %q, which it comes after", d.Key, after)
	}
	delete(a.after, d.Key)
	a.decided = append(a.decided, d)
	a.keys[d.Key] = h
	delete(a.live, h)
}

// proposed is C9: what a block comes after is decided, or proposed below it.
func (a *coordinatorAudit) proposed(p *Proposed) {
	if _, below := a.after[p.After]; p.After != "" && !below && a.keys[p.After] == 0 {
		a.broken("C9", "block %q is proposed after block %q, which is neither decided nor proposed", p.Key, p.After)
	}
	a.after[p.Key] = p.After
}

// withdrawn is C9: in front of this record are those of all that come after it.
func (a *coordinatorAudit) withdrawn(key string) {
	for other, after := range a.after {
		if after == key {
			a.broken("C9", "block %q is withdrawn, and block %q, which comes after it, is not", key, other)
		}
	}
	delete(a.after, key)
}

func (a *coordinatorAudit) agrees(d *Decision, s ShardID, o Outcomes) bool {
	part := a.blocks[d.Block].Parts[s]
	for i, index := range part.Indexes {
		if part.Executes[i] && o.At(i) != d.Outcomes.At(int(index)) {
			return false
		}
	}
	return o.Len() == len(part.Indexes)
}

// end takes the life of the attempts at a height and above (C3).
func (a *coordinatorAudit) end(from Height) {
	for h := range a.live {
		if h >= from {
			delete(a.live, h)
		}
	}
}

func (a *coordinatorAudit) sent(to ShardID, m Message) {
	switch m := m.(type) {
	case *Execute:
		a.begins(m)
	case Abort:
		if a.live[m.Attempt.Height] == m.Attempt {
			a.end(m.Attempt.Height)
		}
		if h := m.Attempt.Height; h <= Height(len(a.decided)) && a.decided[h-1].Attempt == m.Attempt {
			a.broken("invariant 1", "decided attempt %s is aborted", m.Attempt)
		}
	case Commit:
		if h := m.Height(); h == 0 || h > Height(len(a.decided)) || a.decided[h-1].CommittedOn(to) != m.Committed {
			a.broken("C2", "shard %d is told to commit %+v, which is not decided", to, m.Committed)
		}
	}
}

// begins is C3 and C4: one live attempt per height, each greater than the last,
// on what is live or decided below.
func (a *coordinatorAudit) begins(x *Execute) {
	h := x.Attempt.Height
	if x.Attempt == a.live[h] {
		return // again, to a shard that came back
	}
	var below AttemptID
	switch n := Height(len(a.decided)); {
	case h <= n || x.Attempt.Epoch != a.claimed || x.Attempt.Compare(a.begun[h]) <= 0:
		a.broken("C3", "attempt %s begins after %s, with %d heights decided", x.Attempt, a.begun[h], n)
	case h > n+1:
		below = a.live[h-1]
	case n > 0:
		below = a.decided[n-1].Attempt
	}
	if x.Parent != below {
		a.broken("C4", "attempt %s begins on %s, below it is %s", x.Attempt, x.Parent, below)
	}
	a.begun[h], a.live[h] = x.Attempt, x.Attempt
}

// answer: one for each client, and the truth.
func (a *coordinatorAudit) answer(answer Answer, withdrawn map[string]bool) {
	key, waits := a.waiting[answer.Waiter]
	if !waits {
		a.broken("answers", "client %d waits for nothing, and gets %s", answer.Waiter, brief(answer))
	}
	delete(a.waiting, answer.Waiter)
	switch answer.Verdict {
	case VerdictCommitted:
		d := answer.Decision
		if d.Key != key || a.keys[key] == 0 || a.decided[a.keys[key]-1].Block != d.Block {
			a.broken("C2", "block %q is answered with %s", key, brief(d))
		}
	case VerdictAborted, VerdictRejected:
		if !withdrawn[key] {
			a.broken("C5", "block %q is given back without a record", key)
		}
	}
}

// carriedOut makes joined effects durable, and checks that a restart would find
// what the machine knows.
func (a *coordinatorAudit) carriedOut(c *Coordinator, e Effects) {
	if err := a.disk.append(a.claimed, e.Persist, e.Force); err != nil {
		a.broken("C1", "%v", err)
	}
	for _, r := range e.Persist {
		if r, ok := r.(EpochClaimed); ok {
			a.epoch = r.Epoch
		}
	}
	a.epochs(e)
	if len(e.Persist) > 0 && e.StepDown == "" && c.quarantine == nil {
		a.recoverable(c)
	}
}

func (a *coordinatorAudit) recoverable(c *Coordinator) {
	s, err := a.disk.recover()
	if err != nil {
		a.broken("replay", "%v", err)
	}
	if !reflect.DeepEqual(s.Decided, c.decided) || s.Epoch != c.epoch {
		a.broken("replay", "gives epoch %d and %s, the machine has %d and %s", s.Epoch, brief(s.Decided), c.epoch, brief(c.decided))
	}
	var want, got []string
	for _, b := range c.Status().InFlight {
		want = append(want, b.Key)
	}
	for _, p := range s.Pending {
		got = append(got, p.Key)
	}
	if !slices.Equal(got, want) {
		a.broken("C3", "a replay proposes %q, in flight are %q", got, want)
	}
	for i, p := range c.shards {
		if d, ok := s.Joined[ShardID(i)]; ok != p.joined || d != p.directory {
			a.broken("replay", "binds shard %d to %s, the machine to %s", i, d, p.directory)
		}
	}
}

// quarantined checks an error: it is proof of divergence, says nothing else, and
// stays.
func (a *coordinatorAudit) quarantined(c *Coordinator, e Effects, err error) {
	if !errors.Is(err, ErrDivergence) || !errors.Is(c.Status().Quarantine, err) || !reflect.DeepEqual(e, Effects{}) {
		a.broken("quarantine", "error %v, status %v, effects %+v", err, c.Status().Quarantine, e)
	}
	if e, again := c.Step(Tick{}); again != err || !reflect.DeepEqual(e, Effects{}) {
		a.broken("quarantine", "ends with %v, %+v", again, e)
	}
}

// silent: who has stepped down says nothing more (C1).
func (a *coordinatorAudit) silent(c *Coordinator, ev Event) {
	if e, err := c.Step(ev); err != nil || !reflect.DeepEqual(e, Effects{}) {
		a.broken("C1", "it has stepped down, and then says %s, %v", brief(e), err)
	}
}

// resolved is C10: what an operator asks for decides nothing, is recorded before it
// is done, and changes nothing if it is not done.
func (a *coordinatorAudit) resolved(ev Event, e Effects) {
	asked, ok := ev.(Resolve)
	if !ok {
		return
	}
	var record *Resolved
	for _, r := range e.Persist {
		switch r := r.(type) {
		case *Resolved:
			record = r
		case *Decision:
			a.broken("C10", "%s decides %s", brief(asked), brief(r))
		}
	}
	done := slices.ContainsFunc(e.Answer, func(x Answer) bool { return x.Verdict == VerdictResolved }) && !asked.DryRun
	switch {
	case !e.Force || len(e.Decided) > 0:
		a.broken("C10", "%s gives %s", brief(asked), brief(e))
	case done && (record == nil || record.Key != asked.Key || e.Persist[0] != record):
		a.broken("C10", "%s is done without a record: %s", brief(asked), brief(e))
	case !done && (record != nil || len(e.Close) > 0 || slices.ContainsFunc(e.Persist, func(r Record) bool { _, ok := r.(Withdrawn); return ok })):
		a.broken("C10", "%s is not to be done, and gives %s", brief(asked), brief(e))
	}
}
