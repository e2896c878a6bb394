package protocol

import (
	"fmt"
	"time"
)

// DefaultWindow is how many heights are in flight at once (C4).
const DefaultWindow = 8

// DefaultQueueBytes bounds the bodies of the blocks taken up and not decided. A
// block takes at most 2.25 times its body in memory, whatever the number of shards.
const DefaultQueueBytes = 256 << 20

// MaxWindow bounds the window.
const MaxWindow = 64

// CoordinatorOptions bounds what a coordinator takes up.
type CoordinatorOptions struct {
	Window      int   // heights in flight; 0 means DefaultWindow
	QueueBlocks int   // blocks taken up and not decided; 0 means 1024
	QueueBytes  int64 // bytes of their bodies; 0 means 256 MiB
}

func (o CoordinatorOptions) withDefaults() CoordinatorOptions {
	if o.Window == 0 {
		o.Window = DefaultWindow
	}
	o.Window = min(o.Window, MaxWindow)
	if o.QueueBlocks == 0 {
		o.QueueBlocks = 1024
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = DefaultQueueBytes
	}
	return o
}

// Coordinator is the state machine of one incarnation of the coordinator. It
// is pure, like Participant. One goroutine owns it.
type Coordinator struct {
	config  Config
	options CoordinatorOptions
	// Invariant: durable before the first message of this incarnation (C1).
	epoch Epoch
	began time.Time // first Tick
	now   time.Time // of the last Tick

	decided *Decision // highest; nil before the first
	// decisions by height, from the lowest that a resync can ask for.
	decisions map[Height]*Decision
	keys      map[string]*Decision // decided keys above forgotten
	kept      Height               // the history holds every decision up to here
	// forgotten is what kept was before it rose last: a key that was looked up
	// then is still known here.
	forgotten Height

	// Invariant 5: blocks[i] is meant for height decided+1+i. Those with a
	// Proposed record come first, and of those, those with a live attempt.
	blocks   []*pendingBlock
	pending  map[string]*pendingBlock // by key
	bytes    int64
	attempts map[Height]uint32 // highest attempt number used in this epoch
	retryAt  time.Time
	failures int // attempts aborted in a row

	shards   []shardPeer
	sessions map[Session]ShardID

	down       bool // stepped down; says nothing more
	quarantine error
}

// pendingBlock is a block that is taken up and not decided.
type pendingBlock struct {
	block *Block
	// Invariant: while the block with this key is pending, it stands below this
	// one, and goes up or away with it (C9). Decided, it says nothing more.
	after    string
	waiters  []Waiter
	asked    bool      // a client has asked for it in this incarnation
	deadline time.Time // the latest of its clients; zero for none
	proposed bool      // its Proposed record is in the log

	refusal string    // why the last attempt was refused; "" if none was
	attempt AttemptID // live attempt; zero for none
	parent  AttemptID
	votes   []*Vote // yes votes for the live attempt, by shard
	since   time.Time
	// begun is when its first attempt began, or this incarnation if it was under way then.
	begun time.Time
}

func (b *pendingBlock) live() bool { return !b.attempt.IsZero() }

func (b *pendingBlock) complete() bool {
	for _, v := range b.votes {
		if v == nil {
			return false
		}
	}
	return b.live()
}

// shardPeer is what the coordinator knows of a shard.
type shardPeer struct {
	directory DirectoryID
	joined    bool
	session   Session   // 0 while disconnected
	away      time.Time // when the last session ended; zero if none did
	address   string
	instance  InstanceID

	known        bool // Hello came in this incarnation; the heights below are its word
	committed    Height
	checkpointed Height
	rejected     *Reject // why the last session was refused
	quarantined  string
	refusal      string // why it last voted no; "" since a block was decided
}

// NewCoordinator begins an incarnation: state is what the log says, epoch is
// the one to claim, and blocks are the pending blocks of the state, with their
// parts. The effects must be carried out before anything else.
func NewCoordinator(state CoordinatorState, epoch Epoch, blocks []*Block, options CoordinatorOptions) (*Coordinator, Effects, error) {
	if epoch <= state.Epoch {
		return nil, Effects{}, fmt.Errorf("epoch %d is not above epoch %d, which the log has claimed", epoch, state.Epoch)
	}
	if len(blocks) != len(state.Pending) {
		return nil, Effects{}, fmt.Errorf("%d blocks for %d pending proposals", len(blocks), len(state.Pending))
	}
	c := &Coordinator{
		config: state.Config, options: options.withDefaults(), epoch: epoch,
		decided: state.Decided, decisions: map[Height]*Decision{}, keys: map[string]*Decision{},
		pending: map[string]*pendingBlock{}, attempts: map[Height]uint32{},
		shards: make([]shardPeer, state.Config.Shards()), sessions: map[Session]ShardID{},
	}
	if state.Decided != nil {
		c.decisions[state.Decided.Height()] = state.Decided
		c.kept = state.Decided.Height() - Height(len(state.Decisions))
		c.forgotten = c.kept
	}
	for _, d := range state.Older {
		c.decisions[d.Height()] = d
	}
	for _, d := range state.Decisions {
		c.decisions[d.Height()] = d
		c.keys[d.Key] = d
	}
	for s, d := range state.Joined {
		if int(s) >= len(c.shards) {
			return nil, Effects{}, fmt.Errorf("shard %d has joined a cluster of %d shards", s, len(c.shards))
		}
		c.shards[s].directory, c.shards[s].joined = d, true
	}
	for i, b := range blocks {
		// A predecessor that is not pending is decided: what the log lost, it lost
		// from its end, so never a proposal without those that came after it.
		p := &pendingBlock{block: b, after: state.Pending[i].After, proposed: true}
		c.blocks = append(c.blocks, p)
		c.pending[b.Key] = p
		c.bytes += int64(len(b.Body))
	}
	var e Effects
	e.force(EpochClaimed{epoch})
	return c, e, nil
}

// Step takes one event and gives what has to be done for it. An error wraps
// ErrDivergence: the node must stop deciding and serving, and say why.
func (c *Coordinator) Step(ev Event) (Effects, error) {
	if c.quarantine != nil {
		return Effects{}, c.quarantine
	}
	if c.down {
		return Effects{}, nil
	}
	var e Effects
	if err := c.step(ev, &e); err != nil {
		c.quarantine = err
		return Effects{}, err
	}
	return e, nil
}

func (c *Coordinator) step(ev Event, e *Effects) error {
	switch ev := ev.(type) {
	case Submitted:
		c.submitted(ev, e)
	case Received:
		if err := c.received(ev.Envelope, e); err != nil {
			return err
		}
	case Closed:
		c.closed(ev.Session)
	case Tick:
		c.now = ev.Now
		if c.began.IsZero() {
			c.began = ev.Now
			c.countFrom(ev.Now)
		}
		c.expire(e)
	case HistoryKept:
		c.historyKept(ev.Height)
	case Resolve:
		c.resolve(ev, e)
	case Fenced:
		c.stepDown("its log was taken over: "+ev.Reason, e)
	}
	if !c.down {
		c.propose(e)
	}
	return nil
}

// height is the decided height.
func (c *Coordinator) height() Height {
	if c.decided == nil {
		return 0
	}
	return c.decided.Height()
}

func (c *Coordinator) root() Digest {
	if c.decided == nil {
		return Digest{}
	}
	return c.decided.Root
}

func (c *Coordinator) heightOf(i int) Height { return c.height() + 1 + Height(i) }

// at gives the pending block meant for a height.
func (c *Coordinator) at(h Height) (int, *pendingBlock) {
	if h <= c.height() || h > c.height()+Height(len(c.blocks)) {
		return 0, nil
	}
	i := int(h - c.height() - 1) //nolint:G115 // below len(c.blocks)
	return i, c.blocks[i]
}

func (c *Coordinator) send(s ShardID, m Message, e *Effects) {
	if session := c.shards[s].session; session != 0 {
		e.Send = append(e.Send, Envelope{Session: session, Epoch: c.epoch, Message: m})
	}
}

func (c *Coordinator) broadcast(m Message, e *Effects) {
	for s := range c.shards {
		c.send(ShardID(s), m, e)
	}
}

// stepDown ends the incarnation (C1): sessions are closed, nothing more is said.
func (c *Coordinator) stepDown(why string, e *Effects) {
	if c.down {
		return
	}
	c.down = true
	e.StepDown = why
	for s := range c.shards {
		if session := c.shards[s].session; session != 0 {
			e.Close = append(e.Close, Close{Session: session, Reason: "the coordinator steps down: " + why})
			c.shards[s].session = 0
		}
	}
	clear(c.sessions)
}

func (c *Coordinator) closed(s Session) {
	shard, ok := c.sessions[s]
	if !ok {
		return
	}
	delete(c.sessions, s)
	if c.shards[shard].session == s {
		c.shards[shard].session, c.shards[shard].away = 0, c.now
	}
}

// received handles what came in on a session. The first message must be a
// Hello; a message of a replaced session is dropped.
func (c *Coordinator) received(env Envelope, e *Effects) error {
	if hello, ok := env.Message.(*Hello); ok {
		return c.hello(env.Session, hello, e)
	}
	shard, ok := c.sessions[env.Session]
	if !ok || c.shards[shard].session != env.Session {
		e.note(NoteRefusedMessage, AttemptID{}, "a message of a session that was not welcomed, or has ended")
		return nil
	}
	if env.Epoch > c.epoch {
		c.stepDown(fmt.Sprintf("shard %d has seen epoch %d, above this coordinator's %d", shard, env.Epoch, c.epoch), e)
		return nil
	}
	switch m := env.Message.(type) {
	case *Vote:
		return c.vote(shard, m, e)
	case Ack:
		c.ack(shard, m, e)
	case Quarantined:
		c.shards[shard].quarantined = m.Reason
		e.note(NoteRejected, AttemptID{}, fmt.Sprintf("shard %d is quarantined: %s", shard, m.Reason))
	default:
		c.reject(env.Session, shard, RejectMalformed, fmt.Sprintf("shard %d sent a %T, which only coordinators send", shard, m), e)
	}
	return nil
}

func (c *Coordinator) ack(shard ShardID, m Ack, e *Effects) {
	p := &c.shards[shard]
	switch {
	case m.Checkpointed > m.Committed:
		c.reject(p.session, shard, RejectMalformed,
			fmt.Sprintf("shard %d says that it has checkpointed height %d, but committed only %d", shard, m.Checkpointed, m.Committed), e)
		return
	case m.Committed > c.height():
		c.reject(p.session, shard, RejectDivergence,
			fmt.Sprintf("shard %d says that it has committed height %d, but only %d is decided", shard, m.Committed, c.height()), e)
		return
	}
	p.committed = max(p.committed, m.Committed)
	p.checkpointed = max(p.checkpointed, m.Checkpointed)
	c.forget()
}

// reject refuses a shard and ends its session.
func (c *Coordinator) reject(s Session, shard ShardID, kind RejectKind, reason string, e *Effects) {
	r := Reject{Kind: kind, Reason: reason}
	e.Send = append(e.Send, Envelope{Session: s, Epoch: c.epoch, Message: r})
	e.Close = append(e.Close, Close{Session: s, Reason: reason})
	e.note(NoteRejected, AttemptID{}, reason)
	c.closed(s)
	if int(shard) < len(c.shards) && c.shards[shard].session == 0 {
		c.shards[shard].rejected = &r
	}
}

// historyKept lets the machine forget decided keys that the history held before:
// whoever looks a key up from now on finds them there. Those that it has got only
// now stay until the next time, for the blocks that are on their way.
func (c *Coordinator) historyKept(h Height) {
	if h = min(h, c.height()); h > c.kept {
		c.forgotten, c.kept = c.kept, h
	}
	for key, d := range c.keys {
		if d.Height() <= c.forgotten {
			delete(c.keys, key)
		}
	}
	c.forget()
}

// forget drops decisions that no resync can ask for any more: those below what
// the history and every shard have made durable (C7).
func (c *Coordinator) forget() {
	floor := min(c.kept, c.checkpointed())
	for h := range c.decisions {
		if h < floor {
			delete(c.decisions, h)
		}
	}
}

// checkpointed is the height that every shard has made durable; 0 while one of
// them has not been heard of in this incarnation.
func (c *Coordinator) checkpointed() Height {
	lowest := c.height()
	for _, p := range c.shards {
		if !p.known {
			return 0
		}
		lowest = min(lowest, p.checkpointed)
	}
	return lowest
}
