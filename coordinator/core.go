package coordinator

import (
	"fmt"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/trace"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Machine is the state machine that a node steps: a protocol.Coordinator, or
// one with something round it.
type Machine interface {
	Step(protocol.Event) (protocol.Effects, error)
	Status() protocol.CoordinatorStatus
}

// History gives decisions and block keys, from a height on that only grows;
// *replica.History does. It is safe for concurrent use.
type History interface {
	ByHeight(protocol.Height) (*protocol.Decision, bool, error)
	ByKey(string) (*protocol.Decision, bool, error)
	Height() protocol.Height // of the highest decision; 0 before the first
}

// CoreParts are what a core works on, and whom it tells. The owner closes them.
type CoreParts struct {
	Log DecisionLog
	// State is what the log has come to. A state of a cluster that is not made
	// yet has epoch 0 and the configuration that the cluster is to have.
	State protocol.CoordinatorState
	// History has at least the decisions that State does not have.
	History  History
	Sessions Sessions
	Clients  Clients
	Protocol protocol.CoordinatorOptions
	// Post takes events that come up outside of Handle; the owner hands them to
	// Handle later.
	Post   func(protocol.Event)
	Logger hclog.Logger
	// Observe gives the observer of the incarnation, which begins with the undecided
	// blocks of the state; nil for none.
	Observe func(undecided []*protocol.Block) Observer
	Tracer  trace.Tracer // nil traces nothing
	// Wrap puts something round the machine; nil leaves it as it is.
	Wrap func(Machine) Machine
}

// Core is one incarnation of a coordinator without files, network, goroutines
// and clock: whatever it does, a call made it do so, and the same calls do the
// same again.
//
// One goroutine calls Handle and Confirm. The other methods are safe for
// concurrent use.
type Core struct {
	config  protocol.Config
	log     DecisionLog
	archive *archive
	node    *Node
	post    func(protocol.Event)
}

// OpenCore begins an incarnation with a new epoch, which is durable when OpenCore
// returns (C1). Undecided blocks of the state will be run again (C6). An error
// that is ErrFenced says that another incarnation has begun since the state was
// read.
func OpenCore(parts CoreParts) (*Core, error) {
	state := parts.State
	blocks, err := pendingBlocks(state)
	if err != nil {
		return nil, err
	}
	machine, first, err := protocol.NewCoordinator(state, state.Epoch+1, blocks, parts.Protocol)
	if err != nil {
		return nil, err
	}
	if state.Epoch == 0 {
		first.Persist = append([]protocol.Record{protocol.Created{Config: state.Config}}, first.Persist...)
	}
	c := &Core{config: state.Config, log: parts.Log, archive: newArchive(parts.History, state.Decisions), post: parts.Post}
	var observer Observer
	if parts.Observe != nil {
		observer = parts.Observe(blocks)
	}
	if c.node, err = NewNode(wrap(machine, parts.Wrap), first, Parts{
		Log: parts.Log, Sessions: parts.Sessions, Clients: parts.Clients, Decisions: c.archive, Observer: observer, Logger: parts.Logger, Tracer: parts.Tracer,
	}); err != nil {
		return nil, err
	}
	parts.Logger.Info("begins an epoch", "cluster", c.config.Cluster, "shards", c.config.Shards(), "height", c.Height(),
		"epoch", state.Epoch+1, "undecided", len(blocks))
	return c, nil
}

func wrap(m Machine, round func(Machine) Machine) Machine {
	if round == nil {
		return m
	}
	return round(m)
}

// pendingBlocks cuts the undecided blocks of the log into parts again.
func pendingBlocks(state protocol.CoordinatorState) ([]*protocol.Block, error) {
	var blocks []*protocol.Block
	for _, p := range state.Pending {
		transactions, err := protocol.DecodeBody(p.Body, state.Config.Limits)
		if err != nil {
			return nil, fmt.Errorf("block %q in the log: %w", p.Key, err)
		}
		blocks = append(blocks, NewBlock(p.Key, p.Body, transactions, state.Config.Slots))
	}
	return blocks, nil
}

// Config is the configuration of the cluster.
func (c *Core) Config() protocol.Config { return c.config }

// Handle steps the machine through the events and carries out what comes of
// them, as Node.Handle does. When Status().Ended is set after it, the owner ends
// every session that is left: those that were not welcomed are unknown here.
func (c *Core) Handle(events ...protocol.Event) error { return c.node.Handle(events...) }

// Confirm makes sure that this incarnation still owns its log, and ends it if it does
// not, or cannot find out (C1): Status().Fenced is set then, as after an append that the
// log refuses, and whoever leads begins another one. An error is one of Handle.
func (c *Core) Confirm() error {
	if c.node.ended != nil {
		return nil // a quarantine, say, is not for another incarnation to forget
	}
	if err := c.log.Confirm(); err != nil {
		return c.node.lostLog(err)
	}
	return nil
}

// Forget looks how far the history has come: what it holds is forgotten here, and
// the log is told what no resync can ask for any more (C7).
func (c *Core) Forget() {
	if kept := c.Kept(); c.archive.kept(kept) {
		c.post(protocol.HistoryKept{Height: kept})
	}
	c.log.Needed(c.node.Status().LowestNeeded)
}

// Status gives what the node knew after the last Handle.
func (c *Core) Status() *Status { return c.node.Status() }

// Height is the newest decided height.
func (c *Core) Height() protocol.Height {
	h, _ := c.archive.height()
	return h
}

// Decision gives the decision for a height; ok is false if it has none.
func (c *Core) Decision(h protocol.Height) (d *protocol.Decision, ok bool, err error) {
	return c.archive.byHeight(h)
}

// Find looks a block key up among all decisions. What is decided above checked
// may be missed: the machine finds it, if checked goes along with the block
// (protocol.Submitted).
func (c *Core) Find(key string) (d *protocol.Decision, ok bool, checked protocol.Height, err error) {
	checked = c.Kept() // first: what is decided after it, the machine knows
	d, ok, err = c.archive.find(key)
	return d, ok, checked, err
}

// Look readies a block for the machine. A predecessor that is committed is left
// out; if the block itself has a decision, that is what its client gets, and the
// machine does not need to know.
func (c *Core) Look(ev protocol.Submitted) (ready protocol.Submitted, d *protocol.Decision, err error) {
	d, _, checked, err := c.Find(ev.Block.Key)
	if d != nil || err != nil {
		return ev, d, err
	}
	if ev.Checked = checked; ev.After == "" {
		return ev, nil, nil
	}
	before, ok, err := c.archive.find(ev.After)
	if ok && (ev.AfterID == protocol.Digest{} || ev.AfterID == before.Block) {
		ev.After, ev.AfterID = "", protocol.Digest{}
	}
	return ev, nil, err
}

// Kept is the height up to which the history has the decisions.
func (c *Core) Kept() protocol.Height { return c.archive.history.Height() }
