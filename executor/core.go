package executor

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/trace"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/outage"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// trimBytes is how much the log may hold before it is trimmed: trimming
// rewrites a segment, so it should be rare.
const trimBytes = 32 << 20

// ReplayLog is a log that can be read again and cut in front; a *wal.Log is one.
type ReplayLog interface {
	Log
	Replay(from uint64, fn func(seq uint64, r wal.Record) error) error
	TrimFront(keep uint64) error
	First() uint64
	ID() wal.ID
	SizeBytes() int64
}

// CoreParts are what a Core works with. All are required unless it is said
// otherwise.
type CoreParts struct {
	Shard    protocol.ShardID
	Instance protocol.InstanceID
	Address  string // where peers, readers and the coordinator reach the shard

	// Directory names what Log and Store are kept in, for people. Both are
	// opened by the owner, who closes them after the Core.
	Directory string
	Log       ReplayLog
	Store     *state.Store

	Machine    Machine
	Pusher     Pusher
	Sessions   Sessions
	Neighbours Neighbours

	Schedule   Schedule
	Runner     RunnerOptions
	Checkpoint state.Policy // by the clock of the store
	TrimBytes  int64        // the log is trimmed when it holds more; 0 means 32 MiB

	// Post takes events that the owner hands to Handle later: Executed,
	// Checkpointed, Damaged. It is never called from within Handle, nor with
	// locks held, and may wait for room.
	Post func(protocol.Event)
	// Failed takes the reason why the shard must end: a checkpoint or a trim
	// failed (rule S9). It does not wait. The owner stops the node (Stop).
	Failed   func(error)
	Observer Observer // Parts.Observer; nil for none
	// Checkpoints is told how long a checkpoint took, and why one was put off; nil
	// for nobody. It must not block.
	Checkpoints func(took time.Duration, putOff error)
	// Waited is told how long an execution that needed values of other shards waited
	// for the last of them; nil for nobody. It must not block.
	Waited func(time.Duration)
	Now    func() time.Time
	Logger hclog.Logger
	Tracer trace.Tracer                  // nil traces nothing
	Wrap   func(Participant) Participant // see Parts
}

// Core is a shard without network and threads: node, executions, readers and
// checkpoints over a log and a database. What it does, it does in the calls of
// its owner and in pieces of the Schedule; it reads no clock but Now and the
// one of the store. A Shard is a Core on goroutines and a network; a simulator
// drives it by hand.
//
// One goroutine calls Handle and Stop; the other methods are safe for
// concurrent use.
type Core struct {
	parts   CoreParts
	node    *Node
	runner  *Runner
	readers *readers
	keeper  *state.Checkpointer
	damaged atomic.Bool // and said so
	putOff  *outage.Log // checkpoints, for want of space
	spans   *spans
}

// OpenCore brings back what database and log hold: the state, and the attempts
// in doubt. It refuses parts that do not belong together (ErrMismatch).
func OpenCore(p CoreParts) (*Core, error) {
	if p.TrimBytes == 0 {
		p.TrimBytes = trimBytes
	}
	cp := p.Store.Checkpoint()
	if err := belongTogether(p.Directory, cp, p.Shard, logEnds{id: p.Log.ID(), first: p.Log.First(), last: p.Log.Last()}); err != nil {
		return nil, err
	}
	recovered, positions, err := recoverState(cp, p.Log, p.Store, p.Checkpoint.Held())
	if err != nil {
		return nil, err
	}
	c := &Core{parts: p, putOff: outage.New(p.Logger, p.Now), spans: newSpans(p.Tracer, p.Shard, p.Now)}
	if err := c.build(recovered); err != nil {
		return nil, err
	}
	identity := protocol.Identity{Shard: p.Shard, Directory: cp.Directory, Instance: p.Instance, Address: p.Address}
	c.node = NewNode(identity, recovered, positions, Parts{
		Log: p.Log, Committer: c.readers, Execution: c.runner, Sessions: p.Sessions, Neighbours: p.Neighbours,
		Observer: p.Observer, Logger: p.Logger, Now: p.Now, Wrap: p.Wrap, spans: c.spans,
	})
	p.Logger.Info("recovered", "height", recovered.Committed.Height(), "checkpointed", recovered.Checkpointed,
		"in_doubt", len(recovered.Prepared), "epoch", recovered.Epoch)
	return c, nil
}

// build makes what stands round the node.
func (c *Core) build(recovered protocol.ShardState) error {
	p := c.parts
	c.readers = newReaders(p.Store, c.foundDamage)
	c.keeper = state.NewCheckpointer(p.Store, p.Checkpoint, c.hooks())
	c.runner = NewRunner(RunnerParts{
		Shard: p.Shard, Machine: p.Machine, Staging: staging{p.Store, c.foundDamage}, Pusher: p.Pusher,
		Schedule: p.Schedule, Now: p.Now, Report: func(e protocol.Executed) { p.Post(e) }, Waited: c.waited,
	}, p.Runner)
	c.runner.Configure(recovered.Config)
	c.runner.Commit(recovered.Committed.Height())
	for _, in := range recovered.Prepared {
		if err := c.runner.Restore(in); err != nil {
			return fmt.Errorf("bring back attempt %s: %w", in.Attempt, err)
		}
		c.spans.restored(in)
		p.Logger.Warn("in doubt: this attempt was prepared before the restart and waits for its decision", "height", in.Attempt.Height, "attempt", in.Attempt)
	}
	return nil
}

// Handle is Node.Handle.
func (c *Core) Handle(events ...protocol.Event) error { return c.node.Handle(events...) }

// Stop ends the node for good for a reason that came up beside it, and gives
// the error that Handle gives from now on.
func (c *Core) Stop(why error) error { return c.node.stop(why) }

// Deliver is Runner.Deliver: values that a peer pushed.
func (c *Core) Deliver(from protocol.ShardID, a protocol.AttemptID, values []byte) error {
	return c.runner.Deliver(from, a, values)
}

// WaitsFor is Runner.WaitsFor: shards whose values executions wait for.
func (c *Core) WaitsFor() []protocol.ShardID { return c.runner.WaitsFor() }

// Tick is Runner.Tick: it looks at what executions wait for.
func (c *Core) Tick() { c.runner.Tick() }

// Read gives the values of keys as of one committed height; 0 means the newest.
// It does not wait: a height that is not committed here yet is refused
// (state.ErrNotCommitted), like one that is checkpointed over (state.ErrPruned).
func (c *Core) Read(keys [][]byte, at protocol.Height) (protocol.Height, []Value, error) {
	return c.readers.get(keys, at)
}

// Status gives what the node knew after its last event.
func (c *Core) Status() *Status { return c.node.Status() }

// Close ends the executions. Pieces under way end by themselves.
func (c *Core) Close() {
	c.runner.Close()
	c.spans.stop()
}

// Checkpoint writes at most one checkpoint, if one is due, trims the log behind
// it, and says how long nothing else will be due unless the state changes.
func (c *Core) Checkpoint(ctx context.Context) (wait time.Duration, err error) {
	return c.keeper.Step(ctx)
}

func (c *Core) hooks() state.Hooks {
	tell := c.parts.Checkpoints
	if tell == nil {
		tell = func(time.Duration, error) {}
	}
	var began time.Time // there is one checkpoint at a time
	return state.Hooks{
		Prepare: func(_ context.Context, upTo protocol.Height) (state.LogPosition, protocol.Config, protocol.Epoch, error) {
			if c.quarantined() {
				return state.LogPosition{}, protocol.Config{}, 0, fmt.Errorf("%w: the shard is quarantined", state.ErrPutOff)
			}
			began = c.parts.Now()
			position, config, epoch, err := c.node.Position(upTo)
			position.ID = c.parts.Log.ID()
			return position, config, epoch, err
		},
		Done: func(cp state.Checkpoint) {
			tell(c.parts.Now().Sub(began), nil)
			c.spans.checkpointed(cp.Height(), began)
			c.checkpointed(cp)
		},
		PutOff: func(err error) {
			tell(0, err)
			c.putOff.Warn("checkpoints are put off until there is more disk space: free some", "height", c.Status().Committed.Height(), "error", err)
		},
		Failed: c.parts.Failed,
	}
}

// waited tells how long an execution waited for values.
func (c *Core) waited(a protocol.AttemptID, from, to time.Time) {
	c.spans.waited(a, from, to)
	if c.parts.Waited != nil {
		c.parts.Waited(to.Sub(from))
	}
}

// quarantined reports whether the files have to stay as they are, also before
// the node has heard of the damage: what waits for a checkpoint must not go into
// a database that is damaged, and the log holds the last sound copy of it.
func (c *Core) quarantined() bool { return c.damaged.Load() || c.Status().Quarantined != "" }

// checkpointed follows a checkpoint: the log is trimmed behind it (rule S7),
// unless the shard was quarantined while it was written.
func (c *Core) checkpointed(cp state.Checkpoint) {
	c.node.Checkpointed(cp.Height())
	c.putOff.Over("checkpoints are made again", "height", cp.Height())
	log := c.parts.Log
	if log.SizeBytes() > c.parts.TrimBytes && cp.Log.Keep > log.First() && !c.quarantined() {
		if err := log.TrimFront(cp.Log.Keep); err != nil && !errors.Is(err, wal.ErrNoSpace) {
			c.parts.Failed(fmt.Errorf("trim the log: %w", err))
			return
		}
	}
	c.parts.Post(protocol.Checkpointed{Height: cp.Height()})
}

// foundDamage quarantines the shard, once: a read found something else than
// was written.
func (c *Core) foundDamage(err error) {
	if !c.damaged.Swap(true) {
		c.parts.Post(protocol.Damaged{Reason: err.Error()})
	}
}
