package protocol

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrDivergence is wrapped by every error of Step: a safety rule broke. The
// node must stop voting and serving, say why, and change nothing (quarantine).
var ErrDivergence = errors.New("divergence")

func diverged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrDivergence}, args...)...)
}

// maxHeld bounds how far above its committed height a shard holds attempts, or
// remembers any; a coordinator's window is far below it.
const maxHeld = 256

// Participant is the state machine of a shard. It is pure: it reads no clock,
// disk, network or random source. One goroutine owns it.
type Participant struct {
	identity Identity
	config   Config
	// Invariant: never falls, and durable before the message that raised it
	// has any effect (S5).
	epoch        Epoch
	committed    Committed
	checkpointed Height
	// Invariant 5: held[i] is the attempt at height committed+1+i; the parent
	// of held[i+1] is held[i]; after the first that is not prepared, none is.
	held []held
	// seen is the highest attempt met per height above the committed one.
	seen map[Height]seenAttempt

	session    Session
	welcomed   bool
	obstructed string
	room       int64 // bytes that may yet be written for what is prepared
	lacking    lacking
	rejected   *Reject
	quarantine error
}

// Identity is what a shard process is, and never changes while it runs.
type Identity struct {
	Shard     ShardID
	Directory DirectoryID
	Instance  InstanceID
	Address   string
}

type heldPhase uint8

const (
	phaseExecuting heldPhase = iota
	phaseExecuted            // done, waits for its parent to be prepared
	phasePrepared
)

type held struct {
	attempt AttemptID
	parent  AttemptID
	block   Digest
	phase   heldPhase
	result  Result // with phaseExecuted
	vote    Vote   // with phasePrepared
}

// lacking is a block for which there was no room once it had been executed.
type lacking struct {
	block Digest
	bytes int64
}

type seenAttempt struct {
	attempt AttemptID
	aborted bool
	// refused is the no that was voted on the attempt: it stands. Executing the
	// attempt again could wait for ever, since its peers have pushed their values
	// and take them for delivered.
	refused *Refusal
}

// NewParticipant starts from what a shard's database and log say.
func NewParticipant(id Identity, from ShardState) *Participant {
	p := &Participant{
		identity:     id,
		config:       from.Config,
		epoch:        from.Epoch,
		committed:    from.Committed,
		checkpointed: from.Checkpointed,
		seen:         map[Height]seenAttempt{},
		room:         math.MaxInt64,
	}
	for _, r := range from.Prepared {
		p.held = append(p.held, held{
			attempt: r.Attempt, parent: r.Parent, block: r.Block, phase: phasePrepared,
			vote: Vote{Attempt: r.Attempt, Yes: true, Digest: r.Digest, Outcomes: r.Outcomes},
		})
		p.seen[r.Attempt.Height] = seenAttempt{attempt: r.Attempt}
	}
	return p
}

// Step takes one event and gives what has to be done for it. An error wraps
// ErrDivergence: a safety rule broke, the effects are empty, and every later
// step gives the same error.
func (p *Participant) Step(ev Event) (Effects, error) {
	if p.quarantine != nil {
		return Effects{}, p.quarantine
	}
	var e Effects
	epoch := p.epoch
	if err := p.step(ev, &e); err != nil {
		p.quarantine, p.epoch = err, epoch // a higher one would not be durable
		return Effects{}, err
	}
	return e, nil
}

func (p *Participant) step(ev Event, e *Effects) error {
	switch ev := ev.(type) {
	case Opened:
		p.opened(ev.Session, e)
	case Closed:
		if ev.Session == p.session {
			p.session, p.welcomed = 0, false
		}
	case Received:
		return p.received(ev.Envelope, e)
	case Executed:
		p.executed(ev, e)
	case Checkpointed:
		p.checkpointed = max(p.checkpointed, ev.Height)
		p.ack(e)
	case Obstructed:
		p.obstructed = ev.Reason
	case Room:
		p.room = ev.Bytes
	case Damaged:
		return diverged("the state of this shard is damaged: %s", ev.Reason)
	case Tick:
	}
	return nil
}

func (p *Participant) send(m Message, e *Effects) {
	if p.session != 0 {
		e.Send = append(e.Send, Envelope{Session: p.session, Epoch: p.epoch, Message: m})
	}
}

func (p *Participant) ack(e *Effects) {
	if p.welcomed {
		p.send(Ack{Committed: p.committed.Height(), Checkpointed: p.checkpointed}, e)
	}
}

func (p *Participant) opened(s Session, e *Effects) {
	p.session, p.welcomed = s, false
	hello := &Hello{
		Cluster: p.config.Cluster, Shard: p.identity.Shard, Shards: p.config.Shards(),
		Directory: p.identity.Directory, Instance: p.identity.Instance, Address: p.identity.Address,
		Epoch: p.epoch, Committed: p.committed, Checkpointed: p.checkpointed,
	}
	for _, h := range p.held {
		if h.phase == phasePrepared {
			hello.Prepared = append(hello.Prepared, h.vote)
		}
	}
	p.send(hello, e)
}

// received checks what holds for every message (S5), then hands it on.
func (p *Participant) received(env Envelope, e *Effects) error {
	if env.Session != p.session || p.session == 0 {
		e.note(NoteRefusedMessage, AttemptID{}, "a message of a session that has ended")
		return nil
	}
	switch m := env.Message.(type) {
	case Reject:
		p.reject(m, e)
		return nil
	case *Welcome:
		if p.welcomed {
			p.endSession("a second welcome on one session", e)
			return nil
		}
		if !p.mayWelcome(m, e) {
			return nil
		}
	default:
		if !p.welcomed {
			p.endSession("a message came before the welcome", e)
			return nil
		}
	}
	if env.Epoch < p.epoch {
		// The answer carries our epoch, from which a stale coordinator learns
		// that it is one (C1).
		e.note(NoteRefusedMessage, AttemptID{}, fmt.Sprintf("a message of epoch %d, below epoch %d", env.Epoch, p.epoch))
		p.send(Ack{Committed: p.committed.Height(), Checkpointed: p.checkpointed}, e)
		return nil
	}
	if m, ok := env.Message.(*Welcome); ok {
		p.adopt(m.Config, e)
	}
	p.raiseEpoch(env.Epoch, e)
	return p.handle(env, e)
}

// adopt takes the configuration over with the first Welcome. It stands before
// the epoch in the log: should a crash cut the log between the two, the shard
// knows its cluster, and not the epoch of nobody.
func (p *Participant) adopt(c Config, e *Effects) {
	if p.config.IsZero() {
		p.config = c
		e.force(Adopted{c})
	}
}

func (p *Participant) raiseEpoch(epoch Epoch, e *Effects) {
	if epoch <= p.epoch {
		return
	}
	p.epoch = epoch
	e.force(EpochSeen{epoch})
	e.note(NoteEpoch, AttemptID{}, fmt.Sprintf("epoch %d", epoch))
}

func (p *Participant) handle(env Envelope, e *Effects) error {
	switch m := env.Message.(type) {
	case *Welcome:
		p.welcomed, p.rejected = true, nil
	case Peers:
		// For the exchange only; the node reads it.
	case *Execute:
		p.execute(m, env.Epoch, e)
	case Commit:
		return p.commit(m.Committed, e)
	case Abort:
		return p.abort(m.Attempt, env.Epoch, e)
	default:
		p.endSession(fmt.Sprintf("the coordinator sent a %T, which only shards send", m), e)
	}
	return nil
}

func (p *Participant) endSession(reason string, e *Effects) {
	e.Close = append(e.Close, Close{Session: p.session, Reason: reason})
	e.note(NoteResync, AttemptID{}, reason)
	p.session, p.welcomed = 0, false
}

// reject takes note of a refusal. It never raises the epoch and touches
// nothing: whoever sent it may be a stranger.
func (p *Participant) reject(m Reject, e *Effects) {
	p.rejected = &m
	p.endSession("the coordinator refused this shard: "+m.Reason, e)
}

// mayWelcome refuses a coordinator of another cluster before its epoch counts.
func (p *Participant) mayWelcome(m *Welcome, e *Effects) bool {
	var reason string
	switch {
	case !p.config.IsZero() && !p.config.Equal(m.Config):
		reason = fmt.Sprintf("the coordinator belongs to cluster %s with %d shards, this shard to cluster %s with %d: give the address of the right coordinator",
			m.Config.Cluster, m.Config.Shards(), p.config.Cluster, p.config.Shards())
	case int(p.identity.Shard) >= m.Config.Shards():
		reason = fmt.Sprintf("the coordinator's cluster has shards 0 to %d, this is shard %d", m.Config.Shards()-1, p.identity.Shard)
	case m.Committed < p.committed.Height():
		reason = fmt.Sprintf("the coordinator has decided only up to height %d, this shard has committed %d", m.Committed, p.committed.Height())
	default:
		return true
	}
	p.rejected = &Reject{Kind: RejectConfiguration, Reason: reason}
	p.endSession(reason, e)
	return false
}

// execute takes an attempt up, if the rules allow it.
func (p *Participant) execute(m *Execute, sender Epoch, e *Effects) {
	a := m.Attempt
	if p.refuseLate(a, sender, e) {
		return
	}
	if h := p.at(a.Height); h != nil && h.attempt == a {
		if h.phase == phasePrepared {
			v := h.vote
			p.send(&v, e)
		}
		return
	}
	if a.Height > p.committed.Height()+maxHeld {
		// Not remembered in seen: nothing that comes may fill the memory.
		p.voteNo(a, Refusal{Reason: fmt.Sprintf("height %d is more than %d above the committed height", a.Height, maxHeld), Retry: true, Cause: CauseAhead}, e)
		return
	}
	if seen := p.seen[a.Height]; seen.attempt == a && seen.refused != nil {
		p.voteNo(a, *seen.refused, e)
		return
	}
	p.drop(a.Height, "a newer attempt", e) // S2
	p.seen[a.Height] = seenAttempt{attempt: a}
	if why := p.cannotTakeUp(m); why != nil {
		p.refuse(a, *why, e)
		return
	}
	p.held = append(p.held, held{attempt: a, parent: m.Parent, block: m.Block})
	e.Execute = append(e.Execute, m)
}

// refuseLate applies S4 and S5 to an Execute: below the committed height,
// older than what was seen, or already aborted.
func (p *Participant) refuseLate(a AttemptID, sender Epoch, e *Effects) bool {
	seen := p.seen[a.Height]
	var reason string
	switch {
	case a.Height <= p.committed.Height():
		reason = "an Execute at or below the committed height"
	case a.Epoch != sender:
		reason = "an Execute of an attempt that its sender did not make"
	case a.Compare(seen.attempt) < 0 && !seen.attempt.IsZero():
		reason = "an Execute older than attempt " + seen.attempt.String()
	case a == seen.attempt && seen.aborted:
		reason = "an Execute of an aborted attempt"
	default:
		return false
	}
	e.note(NoteRefusedMessage, a, reason)
	return true
}

func (p *Participant) cannotTakeUp(m *Execute) *Refusal {
	switch {
	case p.parentOf(m.Attempt.Height) != m.Parent || !p.holds(m.Attempt.Height-1):
		return &Refusal{Reason: fmt.Sprintf("the parent %s is not held here", m.Parent), Retry: true, Cause: CauseParent} // S6
	case p.obstructed != "":
		return p.noSpace()
	case p.lacking.block == m.Block && p.lacking.bytes > p.room:
		return p.noRoom() // at once: the others would write for it again and again
	}
	return nil
}

// noSpace is the answer to what a shard without space would have to write (S9).
func (p *Participant) noSpace() *Refusal {
	return &Refusal{Reason: p.obstructed, Retry: true, Cause: CauseSpace}
}

// parentOf is the attempt held, prepared or committed right below a height.
func (p *Participant) parentOf(h Height) AttemptID {
	if h-1 == p.committed.Height() {
		return p.committed.Attempt
	}
	if below := p.at(h - 1); below != nil {
		return below.attempt
	}
	return AttemptID{}
}

func (p *Participant) holds(h Height) bool {
	return h == p.committed.Height() || p.at(h) != nil
}

func (p *Participant) at(h Height) *held {
	if h <= p.committed.Height() || h-p.committed.Height() > Height(len(p.held)) {
		return nil
	}
	return &p.held[h-p.committed.Height()-1]
}

// refuse votes no on an attempt that was taken up or met, and stands by it.
func (p *Participant) refuse(a AttemptID, why Refusal, e *Effects) {
	p.seen[a.Height] = seenAttempt{attempt: a, refused: &why}
	p.voteNo(a, why, e)
}

func (p *Participant) voteNo(a AttemptID, why Refusal, e *Effects) {
	p.send(&Vote{Attempt: a, Refusal: why}, e)
	e.note(NoteRefusedVote, a, why.Reason)
}

// drop forgets everything executing or prepared at a height and above (S2, C3).
func (p *Participant) drop(from Height, why string, e *Effects) {
	h := p.at(from)
	if h == nil {
		return
	}
	e.Drop = append(e.Drop, h.attempt)
	e.note(NoteDropped, h.attempt, why)
	p.held = p.held[:from-p.committed.Height()-1]
}

func (p *Participant) executed(ev Executed, e *Effects) {
	h := p.at(ev.Attempt.Height)
	if h == nil || h.attempt != ev.Attempt || h.phase != phaseExecuting {
		return // dropped meanwhile
	}
	if ev.Failure != nil {
		p.refuse(ev.Attempt, *ev.Failure, e)
		p.drop(ev.Attempt.Height, "execution failed", e)
		return
	}
	h.phase, h.result = phaseExecuted, ev.Result
	p.prepare(e)
}

// prepare votes on everything whose parent is prepared (S6), in order of height:
// yes if there is space for what must be written for it (S9), and else no, which
// takes everything above along.
func (p *Participant) prepare(e *Effects) {
	digest := p.committed.Digest
	for i := range p.held {
		h := &p.held[i]
		switch h.phase {
		case phaseExecuting:
			return
		case phaseExecuted:
			if why := p.cannotPrepare(h); why != nil {
				a := h.attempt
				p.refuse(a, *why, e)
				p.drop(a.Height, "there is no space to prepare it", e)
				return
			}
			p.prepareOne(h, digest, e)
		}
		digest = h.vote.Digest
	}
}

// cannotPrepare refuses what there is no space to write for (S9).
func (p *Participant) cannotPrepare(h *held) *Refusal {
	if p.obstructed != "" {
		return p.noSpace()
	}
	if bytes := h.result.bytes(); bytes > p.room {
		p.lacking = lacking{h.block, bytes}
		return p.noRoom()
	}
	return nil
}

// noRoom is the answer to a block for which there is less than it takes (S9).
func (p *Participant) noRoom() *Refusal {
	return &Refusal{Retry: true, Cause: CauseSpace, Reason: fmt.Sprintf(
		"to prepare it would write %d bytes, and %d are left above the free space that this shard wants: free some, it goes on by itself", p.lacking.bytes, max(0, p.room))}
}

// bytes is what a record of the result takes, but for the few of its outcomes.
func (r *Result) bytes() int64 { return int64(len(r.Writes)) + int64(len(r.Pushed)) }

// prepareOne forces the Prepared record; the vote is sent after it (S1).
func (p *Participant) prepareOne(h *held, parent Digest, e *Effects) {
	after := SumOf(parent).Add(h.result.Delta).Digest()
	e.force(&Prepared{
		Attempt: h.attempt, Parent: h.parent, Block: h.block, Digest: after,
		Outcomes: h.result.Outcomes, Writes: h.result.Writes, Pushed: h.result.Pushed,
	})
	h.vote = Vote{Attempt: h.attempt, Yes: true, Digest: after, Outcomes: h.result.Outcomes}
	p.room -= h.result.bytes()
	h.phase, h.result = phasePrepared, Result{}
	vote := h.vote
	p.send(&vote, e)
}

// commit makes a prepared attempt visible (S3, S4).
func (p *Participant) commit(c Committed, e *Effects) error {
	a := c.Attempt
	switch next := p.committed.Height() + 1; {
	case a.Height < p.committed.Height():
		p.ack(e)
		return nil
	case a.Height == p.committed.Height():
		if c != p.committed {
			return diverged("the coordinator commits attempt %s with digest %s, this shard has committed attempt %s with digest %s",
				a, c.Digest, p.committed.Attempt, p.committed.Digest)
		}
		p.ack(e)
		return nil
	case a.Height > next:
		p.endSession(fmt.Sprintf("a Commit of height %d came at height %d", a.Height, p.committed.Height()), e)
		return nil
	}
	if p.olderInEpoch(a) {
		e.note(NoteRefusedMessage, a, "a Commit older than attempt "+p.seen[a.Height].attempt.String())
		return nil
	}
	return p.commitNext(c, e)
}

func (p *Participant) commitNext(c Committed, e *Effects) error {
	h := p.at(c.Attempt.Height)
	switch {
	case h == nil || h.attempt != c.Attempt:
		return diverged("the coordinator commits attempt %s, which this shard does not know", c.Attempt)
	case h.phase != phasePrepared:
		return diverged("the coordinator commits attempt %s, on which this shard has not voted", c.Attempt)
	case h.vote.Digest != c.Digest:
		return diverged("the coordinator commits attempt %s with digest %s, this shard prepared digest %s", c.Attempt, c.Digest, h.vote.Digest)
	}
	p.committed = c
	p.held = slices.Delete(p.held, 0, 1)
	delete(p.seen, c.Attempt.Height)
	e.Persist = append(e.Persist, CommittedRecord{c}) // rides with the next force
	e.Apply = append(e.Apply, c)
	p.ack(e)
	return nil
}

// olderInEpoch reports whether an attempt is below the highest seen at its
// height, both of one epoch (S5).
func (p *Participant) olderInEpoch(a AttemptID) bool {
	seen := p.seen[a.Height].attempt
	return seen.Epoch == a.Epoch && a.Compare(seen) < 0
}

// abort drops the attempt, and remembers it so that an Execute that comes
// later is refused. An Abort of exactly what is held is never out of place: an
// attempt that was aborted does not come back to life.
func (p *Participant) abort(a AttemptID, sender Epoch, e *Effects) error {
	if a == p.committed.Attempt && !a.IsZero() {
		return diverged("the coordinator aborts attempt %s, which this shard has committed", a)
	}
	h := p.at(a.Height)
	switch {
	case h != nil && h.attempt == a:
		p.drop(a.Height, "aborted", e)
	case a.Height == 0 || a.Height > p.committed.Height()+maxHeld || a.Epoch > sender || p.olderInEpoch(a):
		e.note(NoteRefusedMessage, a, "an Abort that is out of place")
		return nil
	}
	if a.Height > p.committed.Height() && a.Compare(p.seen[a.Height].attempt) >= 0 {
		p.seen[a.Height] = seenAttempt{attempt: a, aborted: true}
	}
	p.ack(e)
	return nil
}
