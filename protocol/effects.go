package protocol

import "slices"

// Effects is what a step asks of its node, to be carried out in field order.
//
// Invariant: nothing leaves a node before its reason is durable. If Persist
// fails, nothing below it may happen: the node stops (S9) or steps down (C2).
type Effects struct {
	// Persist is appended to the log in one piece. If Force is set, everything
	// appended so far must be durable before anything below is done.
	Persist []Record
	Force   bool

	// Drop forgets prepared and executing attempts, each with all above it
	// (participant).
	Drop []AttemptID
	// Apply makes prepared attempts visible and queues them for the
	// checkpoint (participant).
	Apply []Committed
	// Decided are new decisions, for watchers and the history (coordinator).
	Decided []*Decision
	// Send may be lost, delayed, duplicated; within a session the order is
	// kept, but for a Commit, which may overtake an Execute.
	Send []Envelope
	// Answer goes to waiting clients (coordinator).
	Answer []Answer
	// Execute starts executions; each comes back as an Executed event
	// (participant).
	Execute []*Execute
	// Close ends sessions, after what was sent to them.
	Close []Close
	// StepDown ends this incarnation of the coordinator, if not empty.
	StepDown string
	// Notes are worth a log line or a count; they have no other effect.
	Notes []Note
}

// Close ends a session.
type Close struct {
	Session Session
	Reason  string
}

// Note is something an operator may want to know of.
type Note struct {
	Kind    NoteKind
	Attempt AttemptID // if it is about one
	Text    string
}

// NoteKind groups notes for counting.
type NoteKind string

const (
	NoteRefusedMessage NoteKind = "refused_message" // fenced, late or out of place; nothing was changed
	NoteRefusedVote    NoteKind = "refused_vote"    // a vote of no was cast or counted
	NoteResync         NoteKind = "resync"
	NoteDropped        NoteKind = "dropped"
	NoteAborted        NoteKind = "aborted"
	NoteWithdrawn      NoteKind = "withdrawn"
	NoteRejected       NoteKind = "rejected_shard"
	NoteJoined         NoteKind = "joined"
	NoteEpoch          NoteKind = "epoch"
	NoteResolved       NoteKind = "resolved" // an operator's act
)

// NoteKinds lists them all.
func NoteKinds() []NoteKind {
	return []NoteKind{
		NoteRefusedMessage, NoteRefusedVote, NoteResync, NoteDropped, NoteAborted, NoteWithdrawn, NoteRejected, NoteJoined, NoteEpoch, NoteResolved,
	}
}

// Answer tells a client what became of its block.
type Answer struct {
	Waiter   Waiter
	Verdict  Verdict
	Decision *Decision // with VerdictCommitted
	Resolved *Resolved // with VerdictResolved
	Reason   string    // with every other verdict
}

// Verdict is what a client is told of its block.
type Verdict uint8

const (
	// VerdictCommitted: the block is committed on every shard, for good.
	VerdictCommitted Verdict = 1 + iota
	// VerdictAborted: the deadline passed; the block is withdrawn and will
	// never be committed unless it is submitted again.
	VerdictAborted
	// VerdictRejected: as VerdictAborted, but trying again cannot help.
	VerdictRejected
	// VerdictConflict: the key belongs to another block; nothing changed.
	VerdictConflict
	// VerdictOverloaded: not taken up; try again later.
	VerdictOverloaded
	// VerdictRecheck: the history moved on; look the keys up again and resubmit.
	VerdictRecheck
	// VerdictEarly: the block that this one comes after is neither committed nor
	// waiting; nothing changed.
	VerdictEarly
	// VerdictResolved: what an operator asked for is done, or would be.
	VerdictResolved
	// VerdictStaysInDoubt: what an operator asked for cannot help now.
	VerdictStaysInDoubt
	// VerdictRefused: what an operator asked for must not be done.
	VerdictRefused
)

// Join appends the effects of a later step, for one pass over all of them: one
// force for many steps is the group commit. Each list keeps its order. A drop
// also takes back the executions above it that were asked for before it, since
// drops are carried out first.
func (e *Effects) Join(later Effects) {
	for _, d := range later.Drop {
		e.Execute = slices.DeleteFunc(e.Execute, func(x *Execute) bool { return x.Attempt.Height >= d.Height })
	}
	e.Persist = append(e.Persist, later.Persist...)
	e.Force = e.Force || later.Force
	e.Drop = append(e.Drop, later.Drop...)
	e.Apply = append(e.Apply, later.Apply...)
	e.Decided = append(e.Decided, later.Decided...)
	e.Send = append(e.Send, later.Send...)
	e.Answer = append(e.Answer, later.Answer...)
	e.Execute = append(e.Execute, later.Execute...)
	e.Close = append(e.Close, later.Close...)
	if e.StepDown == "" {
		e.StepDown = later.StepDown
	}
	e.Notes = append(e.Notes, later.Notes...)
}

func (e *Effects) force(records ...Record) {
	e.Persist = append(e.Persist, records...)
	e.Force = true
}

func (e *Effects) note(kind NoteKind, a AttemptID, text string) {
	e.Notes = append(e.Notes, Note{Kind: kind, Attempt: a, Text: text})
}
