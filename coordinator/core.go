package coordinator

import (
	"fmt"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// Machine is the state machine that a node steps: a protocol.Coordinator, or
// one with something round it.
type Machine interface {
	Step(protocol.Event) (protocol.Effects, error)
	Status() protocol.CoordinatorStatus
}

// History keeps decisions and block keys for good; *history.History does. Only
// one goroutine appends; the other methods are safe for concurrent use.
type History interface {
	// Append adds decisions and replaces the meta, durably and as one.
	// history.ErrNoSpace is a refusal that changes nothing.
	Append(history.Meta, []*protocol.Decision) error
	ByHeight(protocol.Height) (*protocol.Decision, bool, error)
	ByKey(string) (*protocol.Decision, bool, error)
	Height() protocol.Height // of the highest decision; 0 before the first
	Meta() history.Meta
	State() (protocol.CoordinatorState, error) // what a recovery begins with
}

// CoreParts are what a core works on, and whom it tells. The owner closes them.
type CoreParts struct {
	Log DecisionLog
	// Replay calls fn with the records of Log from a position on, in order. By
	// then nobody else can append to it any more.
	Replay func(from uint64, fn func(seq uint64, r wal.Record) error) error
	LogID  [16]byte
	// History belongs to Log; the owner has checked it.
	History  History
	Sessions Sessions
	Clients  Clients
	Protocol protocol.CoordinatorOptions
	// Retain is how many decided heights keep their block bodies in the log
	// after every shard has made them durable.
	Retain protocol.Height
	// Post takes events that come up outside of Handle; the owner hands them to
	// Handle later.
	Post   func(protocol.Event)
	Logger hclog.Logger
	// Wrap puts something round the machine; nil leaves it as it is.
	Wrap func(Machine) Machine
}

// Core is one incarnation of a coordinator without files, network, goroutines
// and clock: whatever it does, a call made it do so, and the same calls do the
// same again.
//
// One goroutine calls Handle and Confirm, one, maybe another, Keep. The other
// methods are safe for concurrent use.
type Core struct {
	config  protocol.Config
	log     DecisionLog
	archive *archive
	keeper  *keeper
	node    *Node
}

// OpenCore reads history and log, and begins an incarnation with a new epoch,
// which is durable when OpenCore returns (C1). Undecided blocks found in the log
// will be run again (C6).
func OpenCore(parts CoreParts) (*Core, error) {
	state, positions, err := recoverState(parts)
	if err != nil {
		return nil, err
	}
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
	c := &Core{config: state.Config, log: parts.Log, archive: newArchive(parts.History, state.Decisions)}
	if c.node, err = NewNode(wrap(machine, parts.Wrap), first, Parts{
		Log: parts.Log, Sessions: parts.Sessions, Clients: parts.Clients, Decisions: c.archive,
		Positions: positions, Logger: parts.Logger,
	}); err != nil {
		return nil, err
	}
	c.keeper = &keeper{
		archive: c.archive, positions: positions, log: parts.Log, config: c.config, logID: parts.LogID, retain: parts.Retain,
		lowest: func() protocol.Height { return c.node.Status().LowestNeeded },
		told:   func(h protocol.Height) { parts.Post(protocol.HistoryKept{Height: h}) },
	}
	parts.Logger.Info("recovered", "cluster", c.config.Cluster, "shards", c.config.Shards(), "height", c.Height(),
		"epoch", state.Epoch+1, "undecided", len(blocks))
	return c, nil
}

func wrap(m Machine, round func(Machine) Machine) Machine {
	if round == nil {
		return m
	}
	return round(m)
}

// recoverState reads the log on top of the history.
func recoverState(parts CoreParts) (protocol.CoordinatorState, *Positions, error) {
	r, err := newReplay(parts.History)
	if err != nil {
		return protocol.CoordinatorState{}, nil, err
	}
	var state protocol.CoordinatorState
	if err = parts.Replay(parts.History.Meta().Log.Keep, r.add); err == nil {
		state, err = r.recovery.Finish()
	}
	if err != nil {
		return state, nil, fmt.Errorf("read the log: %w", err)
	}
	return state, r.positions, nil
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

// Confirm makes sure that this incarnation still owns its log, and steps down
// if it does not (C1). An error is one of Handle.
func (c *Core) Confirm() error {
	if err := c.log.Confirm(); err != nil {
		return c.Handle(protocol.Fenced{Reason: err.Error()})
	}
	return nil
}

// Keep moves the decisions that wait into the history, and trims the log behind
// them (C7). After an error of the history or the log the coordinator must end.
func (c *Core) Keep() error { return c.keeper.keep() }

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
