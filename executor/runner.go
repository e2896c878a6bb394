package executor

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Staging is what a runner needs of the state: reads as of the height below a
// block, and a place for the writes of the block. Read is called by several
// pieces at once; no method calls back.
type Staging interface {
	Read(asOf protocol.Height, keys [][]byte) ([]Value, error)
	Stage(height protocol.Height, writes []protocol.WriteOp) error
	Drop(from protocol.Height)
	// Backlog is the memory, in bytes, of what is committed and not yet
	// checkpointed.
	Backlog() int64
}

// Value is what a key holds; Present is false if it is absent.
type Value struct {
	Bytes   []byte
	Present bool
}

// Pusher carries values to peers.
type Pusher interface {
	// Push hands values to a peer: now, and again after every reconnect, until
	// the attempt is released. It never blocks and keeps the slice.
	Push(to protocol.ShardID, a protocol.AttemptID, values []byte)
	// Release forgets the attempts that keep reports false for.
	Release(keep func(protocol.AttemptID) bool)
	// Silent tells for how long a peer has not been heard of; 0 while its
	// stream stands.
	Silent(peer protocol.ShardID) time.Duration
}

// RunnerParts are what a runner works with.
type RunnerParts struct {
	Shard    protocol.ShardID
	Machine  Machine
	Staging  Staging
	Pusher   Pusher
	Schedule Schedule
	Now      func() time.Time
	Report   func(protocol.Executed) // takes results, called from a piece without locks
	// Waited is told between which moments an execution that needed values of other
	// shards waited for the last of them, before its result is; called like Report. nil
	// if nobody wants to know. It must not block.
	Waited func(a protocol.AttemptID, from, to time.Time)
}

// Runner executes attempts in pieces of a Schedule, each attempt after the one
// it builds on, and stages what they write. It has no goroutine, timer or wait
// of its own: what an execution waits for continues it when it comes, and Tick
// ends one that waits too long. Execute, Drop, Restore and Commit are for the
// owner of the state machine; Deliver comes from the exchange.
type Runner struct {
	parts   RunnerParts
	options RunnerOptions

	mu         sync.Mutex
	config     protocol.Config
	executions []*execution // ascending by height, one for each
	unplanned  []*execution // wait to be planned, the oldest first
	planning   int          // are being planned
	committed  protocol.Height
	early      early
	closed     bool
}

// NewRunner makes a runner.
func NewRunner(parts RunnerParts, o RunnerOptions) *Runner {
	o = o.withDefaults()
	return &Runner{
		parts: parts, options: o,
		early: newEarly(o.EarlyBytes),
	}
}

// Configure tells the cluster's configuration, before the first Execute.
func (r *Runner) Configure(c protocol.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.config = c
	r.early.divide(r.options.EarlyBytes, c.Shards()-1)
}

// Restore notes an attempt that a restart found prepared: its writes are
// staged, and what it pushed is served again.
func (r *Runner) Restore(p *protocol.Prepared) error {
	writes, err := protocol.DecodeWrites(p.Writes)
	if err != nil {
		return err
	}
	if err := r.parts.Staging.Stage(p.Attempt.Height, writes); err != nil {
		return err
	}
	r.mu.Lock()
	r.put(&execution{attempt: p.Attempt, phase: over, staged: true})
	r.mu.Unlock()
	return eachPushed(p.Pushed, func(to protocol.ShardID, values []byte) {
		r.parts.Pusher.Push(to, p.Attempt, values)
	})
}

// Execute begins an attempt. The result comes to Report, unless the attempt is
// dropped before.
func (r *Runner) Execute(x *protocol.Execute) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	e := &execution{
		attempt: x.Attempt, config: r.config, subBlock: x.Encoded(),
		pushed: make([][]byte, r.config.Shards()),
	}
	r.early.outdate(x.Attempt)
	r.put(e)
	r.unplanned = append(r.unplanned, e)
	r.planNext()
}

// Drop ends the executions at a height and above, and forgets their writes.
func (r *Runner) Drop(from protocol.Height) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, _ := r.find(from)
	r.executions = r.leave(at, len(r.executions))
	r.parts.Staging.Drop(from)
	r.parts.Pusher.Release(func(a protocol.AttemptID) bool { return a.Height < from })
}

// Commit tells that a height is committed: nobody needs its values any more,
// because every shard has voted on it.
func (r *Runner) Commit(h protocol.Height) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.committed = max(r.committed, h)
	if at, ok := r.find(h); ok {
		r.executions = r.leave(at, at+1)
	}
	r.early.forget(h)
	r.parts.Pusher.Release(func(a protocol.AttemptID) bool { return a.Height > h })
}

// Close ends all executions. Pieces under way end by themselves; none are
// asked for any more but by those.
func (r *Runner) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.executions = r.leave(0, len(r.executions))
}

// find gives the place of a height among the executions. r.mu is held.
func (r *Runner) find(h protocol.Height) (int, bool) {
	return slices.BinarySearchFunc(r.executions, h, func(e *execution, h protocol.Height) int {
		return cmp.Compare(e.attempt.Height, h)
	})
}

// at gives the execution of a height, or nil. r.mu is held.
func (r *Runner) at(h protocol.Height) *execution {
	if at, ok := r.find(h); ok {
		return r.executions[at]
	}
	return nil
}

// put adds an execution, in the place of an older one. r.mu is held.
func (r *Runner) put(e *execution) {
	at, ok := r.find(e.attempt.Height)
	if ok {
		r.executions = r.leave(at, at+1)
	}
	r.executions = slices.Insert(r.executions, at, e)
}

// leave gives up the executions from one place up to another. r.mu is held.
func (r *Runner) leave(from, to int) []*execution {
	for _, e := range r.executions[from:to] {
		e.left = true
		r.early.take(e.attempt)
		if e.pool != nil {
			e.pool.stop()
		}
	}
	return slices.Delete(r.executions, from, to)
}
