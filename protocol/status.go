package protocol

import (
	"slices"
	"time"
)

// Phase says how far an attempt is.
type Phase string

const (
	PhaseWaiting   Phase = "waiting"   // no live attempt yet
	PhaseExecuting Phase = "executing" // no shard has voted
	PhaseVoting    Phase = "voting"    // some have
	PhaseDeciding  Phase = "deciding"  // all have; the decision waits for the one below
	PhaseExecuted  Phase = "executed"  // participant: done, the parent is not prepared
	PhasePrepared  Phase = "prepared"  // participant
)

// ParticipantStatus is a copy of what a participant knows, for people and metrics.
type ParticipantStatus struct {
	Config       Config
	Epoch        Epoch
	Committed    Committed
	Checkpointed Height
	Held         []HeldStatus
	Promised     []Promise // the prepared ones of Held
	Session      Session
	Welcomed     bool
	Obstructed   string
	Rejected     *Reject // the last refusal, until a Welcome
	Quarantine   error
}

// HeldStatus is one attempt that a participant holds.
type HeldStatus struct {
	Attempt AttemptID
	Phase   Phase
}

// Promise is what a shard has said yes to.
type Promise struct {
	Attempt  AttemptID
	Parent   AttemptID
	Block    Digest
	Digest   Digest // state digest after the block
	Outcomes Outcomes
}

// Status copies what an operator may want to see.
func (p *Participant) Status() ParticipantStatus {
	s := ParticipantStatus{
		Config: p.config, Epoch: p.epoch, Committed: p.committed, Checkpointed: p.checkpointed,
		Session: p.session, Welcomed: p.welcomed, Obstructed: p.obstructed, Rejected: p.rejected, Quarantine: p.quarantine,
	}
	for _, h := range p.held {
		s.Held = append(s.Held, HeldStatus{Attempt: h.attempt, Phase: h.phase.name()})
		if h.phase == phasePrepared {
			s.Promised = append(s.Promised, Promise{h.attempt, h.parent, h.block, h.vote.Digest, h.vote.Outcomes})
		}
	}
	return s
}

func (p heldPhase) name() Phase {
	switch p {
	case phasePrepared:
		return PhasePrepared
	case phaseExecuted:
		return PhaseExecuted
	}
	return PhaseExecuting
}

// CoordinatorStatus is a copy of what a coordinator knows, for people and metrics.
type CoordinatorStatus struct {
	Config     Config
	Epoch      Epoch
	Decided    *Decision // nil before the first
	Kept       Height
	InFlight   []BlockStatus // in order of height
	Queued     int           // blocks behind those
	QueueBytes int64
	Shards     []ShardStatus
	Sessions   []Session // that stand
	Down       bool
	Quarantine error
	// LowestNeeded is the lowest height whose records a resync may still ask
	// for: the log may be trimmed below it (C7).
	LowestNeeded Height
}

// BlockStatus is a block in the window.
type BlockStatus struct {
	Height  Height
	Attempt AttemptID // zero if none is live
	Key     string
	Phase   Phase
	Missing []ShardID // have not voted
	Since   time.Time // when the newest attempt began; zero if none did in this incarnation
	// UnderWay is when its first attempt began, or this incarnation if it found the
	// block under way.
	UnderWay time.Time

	Block    Digest
	Parent   AttemptID // of the live attempt
	After    string    // key of the block that it comes after; "" for none
	Votes    []*Vote   // for the live attempt, by shard; nil where there is none
	Clients  int       // that wait
	Deadline time.Time // at which it is withdrawn; zero for never
	Refusal  string    // why the last attempt was refused; "" if none was
}

// ShardStatus is a shard as the coordinator sees it.
type ShardStatus struct {
	Joined       bool
	Directory    DirectoryID
	Connected    bool
	Away         time.Time // since when it is not connected, as far as this incarnation knows
	Known        bool      // heard of in this incarnation
	Address      string
	Committed    Height
	Checkpointed Height
	Digest       Digest // state digest at Committed, if that decision is at hand
	Prepared     []BlockStatus
	Executing    bool
	Rejected     *Reject
	Quarantined  string
	Refusal      string // why it last voted no; "" since a block was decided
}

// Status copies what an operator may want to see.
func (c *Coordinator) Status() CoordinatorStatus {
	s := CoordinatorStatus{
		Config: c.config, Epoch: c.epoch, Decided: c.decided, Kept: c.kept, QueueBytes: c.bytes,
		Down: c.down, Quarantine: c.quarantine, LowestNeeded: min(c.kept, c.checkpointed()),
	}
	for i, p := range c.blocks {
		if !p.proposed {
			s.Queued = len(c.blocks) - i
			break
		}
		s.InFlight = append(s.InFlight, c.blockStatus(i, p))
	}
	for i := range c.shards {
		if session := c.shards[i].session; session != 0 {
			s.Sessions = append(s.Sessions, session)
		}
		s.Shards = append(s.Shards, c.shardStatus(ShardID(i), s.InFlight))
	}
	return s
}

// countFrom has blocks that were found under way be so from the start of this
// incarnation: nobody knows since when they were before.
func (c *Coordinator) countFrom(start time.Time) {
	for _, p := range c.blocks {
		if p.proposed && p.begun.IsZero() {
			p.begun = start
		}
	}
}

func (c *Coordinator) blockStatus(i int, p *pendingBlock) BlockStatus {
	b := BlockStatus{
		Height: c.heightOf(i), Attempt: p.attempt, Key: p.block.Key, Missing: p.missing(), Since: p.since, UnderWay: p.begun,
		Block: p.block.ID, Parent: p.parent, After: p.after, Votes: slices.Clone(p.votes),
		Clients: len(p.waiters), Deadline: p.deadline, Refusal: p.refusal,
	}
	switch {
	case !p.live():
		b.Phase = PhaseWaiting
		b.Missing = c.away()
	case len(b.Missing) == len(p.votes):
		b.Phase = PhaseExecuting
	case len(b.Missing) > 0:
		b.Phase = PhaseVoting
	default:
		b.Phase = PhaseDeciding
	}
	return b
}

func (c *Coordinator) shardStatus(id ShardID, inFlight []BlockStatus) ShardStatus {
	p := c.shards[id]
	s := ShardStatus{
		Joined: p.joined, Directory: p.directory, Connected: p.session != 0, Known: p.known, Address: p.address,
		Committed: p.committed, Checkpointed: p.checkpointed, Rejected: p.rejected, Quarantined: p.quarantined,
		Refusal: p.refusal,
	}
	if p.session == 0 {
		s.Away = c.began
		if !p.away.IsZero() {
			s.Away = p.away
		}
	}
	if d := c.decisions[p.committed]; d != nil {
		s.Digest = d.Digests[id]
	}
	for i, b := range inFlight {
		switch {
		case b.Attempt.IsZero():
		case c.blocks[i].votes[id] != nil:
			s.Prepared = append(s.Prepared, b)
		default:
			s.Executing = true
		}
	}
	return s
}
