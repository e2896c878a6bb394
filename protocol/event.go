package protocol

import "time"

// Event is something that happened to a node. A state machine learns of the
// world only through events; time arrives as Tick.
type Event interface{ event() }

// Opened tells that a session to the coordinator stands. Participant only: a
// coordinator learns of a session by its Hello.
type Opened struct{ Session Session }

// Closed tells that a session has ended, for whatever reason. It takes no
// decision with it (rules C5 and S2).
type Closed struct{ Session Session }

// Received is a message that came in on a session.
type Received struct{ Envelope }

// Executed is the result of an Execute effect.
type Executed struct {
	Attempt AttemptID
	Failure *Refusal // nil if the result below stands
	Result
}

// Result is what execution of a sub-block came to.
type Result struct {
	Delta    Sum // what the writes add to the state digest
	Outcomes Outcomes
	Writes   []byte // as of EncodeWrites
	Pushed   []byte
}

// Checkpointed tells a participant that everything up to Height is durable in
// the database.
type Checkpointed struct{ Height Height }

// Obstructed tells that the shard cannot prepare for now, and why; an empty
// reason tells that it can again.
type Obstructed struct{ Reason string }

// Room tells how many bytes may be written for what is prepared from now on,
// until the next Room; before the first there is no bound.
type Room struct{ Bytes int64 }

// Damaged tells a participant that its state is not what was written to the
// disk: it must not vote or serve any more.
type Damaged struct{ Reason string }

// Submitted brings a block from a client to the coordinator.
type Submitted struct {
	Block  *Block
	Waiter Waiter
	// Origin is for those who watch the node; the machine does not look at it.
	Origin uint64
	// Deadline bounds the wait of the client; zero for none.
	Deadline time.Time
	// After is the key of the block that this one comes after (C9); "" for none.
	After string
	// AfterID is the id of that block, so that another one under its key does
	// not count; zero if the client has not said what it holds.
	AfterID Digest
	// Checked: both keys were looked up in the history and not found, when the
	// history was known to be complete up to this height. A predecessor that is
	// found there has come before, and is left out of After.
	Checked Height
}

// Waiter numbers the clients that wait for an answer. 0 waits for nothing.
type Waiter uint64

// Block is a block as the coordinator handles it.
type Block struct {
	Key          string
	ID           Digest
	Body         []byte // canonical encoding of the transactions
	Transactions int
	Parts        []Part // by shard
}

// Part is what one shard gets of a block.
type Part struct {
	Indexes  []uint32 // place in the block of each transaction of the sub-block
	Executes []bool   // whether this shard executes it, or only supplies values
	Excerpt  *Excerpt // the sub-block
}

// Tick tells the time. It comes about every TickInterval and carries no other
// meaning; a machine that gets none stands still but stays correct.
type Tick struct{ Now time.Time }

// TickInterval is how often a node should be told the time.
const TickInterval = 20 * time.Millisecond

// HistoryKept tells the coordinator that decisions up to Height are durable in
// its history, so that memory may forget them.
type HistoryKept struct{ Height Height }

// Fenced tells the coordinator that its log has refused it: a higher epoch exists.
type Fenced struct{ Reason string }

func (Opened) event()       {}
func (Closed) event()       {}
func (Received) event()     {}
func (Executed) event()     {}
func (Checkpointed) event() {}
func (Obstructed) event()   {}
func (Room) event()         {}
func (Damaged) event()      {}
func (Submitted) event()    {}
func (Tick) event()         {}
func (HistoryKept) event()  {}
func (Fenced) event()       {}
