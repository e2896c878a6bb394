package protocol

// Message is what travels on a session between the coordinator and a shard.
type Message interface{ message() }

// Hello opens a session; a shard sends it first, once. What it holds is
// everything the coordinator needs to resync the shard.
type Hello struct {
	Cluster   ClusterID // zero if the shard was never welcomed
	Shard     ShardID
	Shards    int // 0 if the shard was never welcomed
	Directory DirectoryID
	Instance  InstanceID
	Address   string // where peers and readers reach this shard
	Epoch     Epoch  // highest seen
	Committed Committed
	// Checkpointed height: durable in the database.
	Checkpointed Height
	Prepared     []Vote // every prepared attempt; each counts as a vote
}

// Vote is a shard's answer to an attempt. A yes is sent only after the
// Prepared record is forced (rule S1).
type Vote struct {
	Attempt  AttemptID
	Yes      bool
	Digest   Digest   // with a yes: state digest of the shard after the block
	Outcomes Outcomes // with a yes: by place in the sub-block
	Refusal  Refusal  // with a no
}

// Refusal says why a shard votes no.
type Refusal struct {
	Reason string
	Retry  bool // a later attempt of the same block may succeed
	// Cause is for counting, on the shard alone: it does not travel.
	Cause Cause
}

// Cause groups refusals. A refusal may have none.
type Cause string

const (
	CauseParent    Cause = "parent"    // what the attempt builds on is not held
	CauseAhead     Cause = "ahead"     // too far above the committed height
	CauseSpace     Cause = "space"     // too little disk space
	CausePeer      Cause = "peer"      // a peer stays away, or owes values for too long
	CauseValues    Cause = "values"    // a peer sent what does not fit
	CauseState     Cause = "state"     // the state could not be read or written to
	CauseMachine   Cause = "machine"   // the machine panicked
	CauseTooLarge  Cause = "too_large" // the result does not fit into a record
	CauseMalformed Cause = "malformed" // the sub-block or its result cannot be encoded
)

// Causes lists them all.
func Causes() []Cause {
	return []Cause{CauseParent, CauseAhead, CauseSpace, CausePeer, CauseValues, CauseState, CauseMachine, CauseTooLarge, CauseMalformed}
}

// Ack tells how far a shard is. It answers every Commit and Abort, and
// follows every checkpoint.
type Ack struct {
	Committed    Height
	Checkpointed Height
}

// Quarantined tells that the shard found proof of divergence and has stopped.
type Quarantined struct{ Reason string }

// Welcome answers a Hello that was accepted. Commits, Aborts and Executes
// that the shard lacks follow.
type Welcome struct {
	Config    Config
	Committed Height // the coordinator's decided height
	Peers     []Peer
}

// Peer is where a shard serves its peers.
type Peer struct {
	Shard   ShardID
	Address string
}

// Peers tells that a peer has another address than before.
type Peers struct{ Peers []Peer }

// Execute begins an attempt on a shard.
type Execute struct {
	Attempt  AttemptID
	Parent   AttemptID // the attempt at Height-1 that this one builds on
	Block    Digest
	SubBlock []byte // as of EncodeSubBlock
	// Excerpt is what a coordinator sends in place of SubBlock, which is written
	// only as it goes out; nil for a shard.
	Excerpt *Excerpt
}

// Encoded gives the sub-block, written out if it is not.
func (x *Execute) Encoded() []byte {
	if x.Excerpt != nil {
		return x.Excerpt.Bytes()
	}
	return x.SubBlock
}

// Commit tells the decision for an attempt (rule S3). A Commit never waits
// behind a block.
type Commit struct{ Committed }

// Abort tells that an attempt will not be decided.
type Abort struct{ Attempt AttemptID }

// Reject answers a Hello that was refused; the session ends.
type Reject struct {
	Kind   RejectKind
	Reason string // one sentence: what is wrong, what to do
}

// RejectKind says what a shard should make of a Reject.
type RejectKind uint8

const (
	// RejectConfiguration: another cluster, shard number or data directory. An operator must act.
	RejectConfiguration RejectKind = 1 + iota
	// RejectStale: the coordinator itself is not the newest; try again elsewhere.
	RejectStale
	// RejectDivergence: shard and coordinator have different histories.
	RejectDivergence
	// RejectLostData: the shard misses what it had promised.
	RejectLostData
	// RejectMalformed: a message that no correct shard sends.
	RejectMalformed
)

func (k RejectKind) String() string {
	switch k {
	case RejectConfiguration:
		return "configuration"
	case RejectStale:
		return "stale coordinator"
	case RejectDivergence:
		return "divergence"
	case RejectLostData:
		return "lost data"
	case RejectMalformed:
		return "malformed"
	}
	return "unknown"
}

// Quarantines reports whether the refused shard must stop serving.
func (k RejectKind) Quarantines() bool { return k == RejectDivergence || k == RejectLostData }

func (*Hello) message()      {}
func (*Vote) message()       {}
func (Ack) message()         {}
func (Quarantined) message() {}
func (*Welcome) message()    {}
func (Peers) message()       {}
func (*Execute) message()    {}
func (Commit) message()      {}
func (Abort) message()       {}
func (Reject) message()      {}

// Envelope is a message on its way, with the epoch of its sender (rule S5).
type Envelope struct {
	Session Session
	Epoch   Epoch
	Message Message
}
