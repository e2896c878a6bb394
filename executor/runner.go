package executor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// Staging is what a runner needs of the state: reads as of the height below a
// block, and a place for the writes of the block.
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

// RunnerOptions bounds executions.
type RunnerOptions struct {
	Workers      int           // goroutines per execution; 0 means one per core
	PeerTimeout  time.Duration // a peer silent for longer makes the attempt refused; 0 means 3 s
	StallTimeout time.Duration // no value from anyone for longer makes it refused; 0 means 60 s
	EarlyBytes   int64         // values for attempts not begun here; 0 means 64 MiB
	BacklogBytes int64         // executions wait while more is to be checkpointed; 0 means 256 MiB
	// ResultBytes bounds writes, pushed values and outcomes of an attempt: a
	// block that comes to more is refused, for its Prepared record could not be
	// written. 0 means what a record of the log can hold.
	ResultBytes int
}

// recordHead is room for what else stands in a Prepared record.
const recordHead = 4 << 10

// Runner executes attempts in the background, each after the one it builds on,
// and stages what they write. Execute, Drop, Restore and Commit are for the
// owner of the state machine; Deliver comes from the exchange.
type Runner struct {
	self    protocol.ShardID
	machine Machine
	staging Staging
	pusher  Pusher
	options RunnerOptions
	report  func(protocol.Executed) // never called with mu held
	planner chan struct{}           // bounds the goroutines that derive graphs

	mu         sync.Mutex
	config     protocol.Config
	executions map[protocol.Height]*execution
	committed  protocol.Height
	early      early
	closed     bool
	group      sync.WaitGroup
}

// execution is one attempt on its way.
type execution struct {
	attempt protocol.AttemptID
	ctx     context.Context
	cancel  context.CancelFunc
	// staged is closed when the writes of the attempt are staged, so that the
	// height above can read them.
	staged chan struct{}

	// Guarded by Runner.mu until the pool is set.
	waiting []delivery
	run     *run
	pool    *pool

	pushedMu sync.Mutex
	pushed   [][]byte  // by shard: everything pushed, for the Prepared record
	bytes    int       // of pushed
	heard    time.Time // when the last values came
}

type delivery struct {
	from   protocol.ShardID
	values []byte
}

// NewRunner makes a runner that tells results to report.
func NewRunner(self protocol.ShardID, m Machine, s Staging, p Pusher, o RunnerOptions, report func(protocol.Executed)) *Runner {
	o = o.withDefaults()
	return &Runner{
		self: self, machine: m, staging: s, pusher: p, options: o, report: report,
		planner: make(chan struct{}, o.Workers), executions: map[protocol.Height]*execution{},
		early: early{most: o.EarlyBytes, byAttempt: map[protocol.AttemptID][]delivery{}},
	}
}

// Configure tells the cluster's configuration, before the first Execute.
func (r *Runner) Configure(c protocol.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.config = c
}

// Restore notes an attempt that a restart found prepared: its writes are
// staged, and what it pushed is served again.
func (r *Runner) Restore(p *protocol.Prepared) error {
	writes, err := protocol.DecodeWrites(p.Writes)
	if err != nil {
		return err
	}
	if err := r.staging.Stage(p.Attempt.Height, writes); err != nil {
		return err
	}
	e := newExecution(p.Attempt)
	close(e.staged)
	r.mu.Lock()
	r.executions[p.Attempt.Height] = e
	r.mu.Unlock()
	return eachPushed(p.Pushed, func(to protocol.ShardID, values []byte) {
		r.pusher.Push(to, p.Attempt, values)
	})
}

func newExecution(a protocol.AttemptID) *execution {
	ctx, cancel := context.WithCancel(context.Background())
	return &execution{attempt: a, ctx: ctx, cancel: cancel, staged: make(chan struct{})}
}

// Execute begins an attempt. The result comes to report, unless the attempt is
// dropped before.
func (r *Runner) Execute(x *protocol.Execute) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	e := newExecution(x.Attempt)
	e.waiting = r.early.take(x.Attempt)
	r.executions[x.Attempt.Height] = e
	var below <-chan struct{}
	if p := r.executions[x.Attempt.Height-1]; p != nil {
		below = p.staged
	}
	config := r.config
	r.group.Go(func() {
		defer e.cancel()
		r.execute(x, e, below, config)
	})
}

// Drop ends the executions at a height and above, and forgets their writes.
func (r *Runner) Drop(from protocol.Height) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for h, e := range r.executions {
		if h >= from {
			e.cancel()
			if e.pool != nil {
				e.pool.end()
			}
			delete(r.executions, h)
		}
	}
	r.staging.Drop(from)
	r.pusher.Release(func(a protocol.AttemptID) bool { return a.Height < from })
}

// Commit tells that a height is committed: nobody needs its values any more,
// because every shard has voted on it.
func (r *Runner) Commit(h protocol.Height) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.committed = max(r.committed, h)
	if e := r.executions[h]; e != nil {
		e.cancel()
		delete(r.executions, h)
	}
	r.early.forget(h)
	r.pusher.Release(func(a protocol.AttemptID) bool { return a.Height > h })
}

// Close ends all executions and waits for them.
func (r *Runner) Close() {
	r.mu.Lock()
	r.closed = true
	for _, e := range r.executions {
		e.cancel()
		if e.pool != nil {
			e.pool.end()
		}
	}
	r.mu.Unlock()
	r.group.Wait()
}

// execute runs one attempt from decoding to staging.
func (r *Runner) execute(x *protocol.Execute, e *execution, below <-chan struct{}, config protocol.Config) {
	result, err := r.compute(x, e, below, config)
	if e.ctx.Err() != nil {
		return
	}
	executed := protocol.Executed{Attempt: x.Attempt, Result: result}
	var refused *refusedError
	switch {
	case errors.As(err, &refused):
		executed = protocol.Executed{Attempt: x.Attempt, Failure: &refused.Refusal}
	case err != nil:
		executed = protocol.Executed{Attempt: x.Attempt, Failure: &protocol.Refusal{Reason: err.Error(), Retry: true}}
	}
	r.report(executed)
}

// refusedError carries a refusal out of an execution.
type refusedError struct{ protocol.Refusal }

func (e *refusedError) Error() string { return e.Reason }

func refuse(retry bool, format string, args ...any) error {
	return &refusedError{protocol.Refusal{Reason: fmt.Sprintf(format, args...), Retry: retry}}
}

func (r *Runner) compute(x *protocol.Execute, e *execution, below <-chan struct{}, config protocol.Config) (protocol.Result, error) {
	g, err := r.plan(x, e, config)
	if err != nil {
		return protocol.Result{}, err
	}
	if err := r.awaitTurn(e, below); err != nil {
		return protocol.Result{}, err
	}
	values, err := r.readBase(g, x.Attempt.Height-1)
	if err != nil {
		return protocol.Result{}, fmt.Errorf("read the state below height %d: %w", x.Attempt.Height, err)
	}
	shards := config.Shards()
	run := newRun(x.Attempt, g, r.machine, config.Limits, shards)
	if err := r.drive(e, run, values, shards); err != nil {
		return protocol.Result{}, err
	}
	result, writes, err := run.outcomeOf(e.pushed)
	if err != nil {
		return protocol.Result{}, refuse(false, "%v", err)
	}
	if size := len(result.Writes) + len(result.Pushed) + len(protocol.EncodeOutcomes(result.Outcomes)); size > r.options.ResultBytes {
		return protocol.Result{}, r.tooLarge(size)
	}
	return result, r.stage(e, writes)
}

func (r *Runner) tooLarge(size int) *refusedError {
	return &refusedError{protocol.Refusal{Reason: fmt.Sprintf(
		"the block comes to %d bytes of writes and exchanged values on shard %d, the most that can be prepared is %d: make smaller blocks", size, r.self, r.options.ResultBytes)}}
}

// plan derives the conflict graph; not more at a time than there are cores.
func (r *Runner) plan(x *protocol.Execute, e *execution, config protocol.Config) (*graph, error) {
	select {
	case r.planner <- struct{}{}:
		defer func() { <-r.planner }()
	case <-e.ctx.Done():
		return nil, e.ctx.Err()
	}
	sub, err := protocol.DecodeSubBlock(x.SubBlock, config.Limits)
	if err != nil {
		return nil, refuse(false, "the sub-block cannot be read: %v", err)
	}
	e.pushed = make([][]byte, config.Shards())
	return newGraph(sub, config.Slots, r.self), nil
}

// awaitTurn waits until the height below is staged, and the checkpoint is not
// too far behind.
func (r *Runner) awaitTurn(e *execution, below <-chan struct{}) error {
	if below != nil {
		select {
		case <-below:
		case <-e.ctx.Done():
			return e.ctx.Err()
		}
	}
	for r.staging.Backlog() > r.options.BacklogBytes {
		select {
		case <-time.After(watchInterval):
		case <-e.ctx.Done():
			return e.ctx.Err()
		}
	}
	return nil
}

func (r *Runner) readBase(g *graph, asOf protocol.Height) ([]value, error) {
	keys := make([][]byte, len(g.keys))
	for i := range g.keys {
		keys[i] = g.keys[i].key
	}
	read, err := r.staging.Read(asOf, keys)
	if err != nil {
		return nil, err
	}
	values := make([]value, len(read))
	for i, v := range read {
		values[i] = value{bytes: v.Bytes, present: v.Present}
	}
	return values, nil
}

// drive starts the run, lets values in, and works until it is over.
func (r *Runner) drive(e *execution, run *run, base []value, shards int) error {
	p := newPool(run, func(out pushes) { r.flush(e, run, out) })
	out := make(pushes, shards)
	p.add(run.start(base, out))
	r.flush(e, run, out)
	if err := r.open(e, run, p); err != nil {
		return err
	}
	if run.over() {
		p.end()
	}
	stop := r.watch(e, run, p)
	defer stop()
	var workers sync.WaitGroup
	for range r.options.Workers {
		workers.Go(func() { p.work(shards) })
	}
	workers.Wait()
	switch why := run.failure.Load(); {
	case e.ctx.Err() != nil:
		return e.ctx.Err()
	case why != nil:
		return &refusedError{*why}
	}
	return nil
}

// open lets deliveries reach the run, the early ones first.
func (r *Runner) open(e *execution, run *run, p *pool) error {
	r.mu.Lock()
	waiting := e.waiting
	e.waiting = nil
	e.run, e.pool = run, p
	e.heard = time.Now()
	cancelled := e.ctx.Err()
	r.mu.Unlock()
	if cancelled != nil {
		return cancelled // Drop may have looked before the pool was there
	}
	for _, d := range waiting {
		ready, err := run.deliver(d.from, d.values)
		p.add(ready)
		if err != nil {
			return refuse(true, "%v", err)
		}
	}
	return nil
}

// flush hands what was collected to the peers, and keeps it for the record. A
// run that pushes more than a record holds is ended before it fills the memory.
func (r *Runner) flush(e *execution, run *run, out pushes) {
	for s, values := range out {
		if len(values) == 0 {
			continue
		}
		if size := e.keep(s, values); size > r.options.ResultBytes {
			run.fail(r.tooLarge(size).Refusal)
			return
		}
		r.pusher.Push(protocol.ShardID(s), e.attempt, values)
		out[s] = nil
	}
}

// keep adds to what was pushed to a shard, and gives the size of all that was.
func (e *execution) keep(shard int, values []byte) int {
	e.pushedMu.Lock()
	defer e.pushedMu.Unlock()
	e.pushed[shard] = append(e.pushed[shard], values...)
	e.bytes += len(values)
	return e.bytes
}

// stage puts the writes on top of the state, unless the attempt was dropped.
func (r *Runner) stage(e *execution, writes []protocol.WriteOp) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := e.ctx.Err(); err != nil {
		return err
	}
	if err := r.staging.Stage(e.attempt.Height, writes); err != nil {
		return fmt.Errorf("stage the writes: %w", err)
	}
	close(e.staged)
	return nil
}

func (o RunnerOptions) withDefaults() RunnerOptions {
	if o.Workers == 0 {
		o.Workers = defaultWorkers()
	}
	if o.PeerTimeout == 0 {
		o.PeerTimeout = 3 * time.Second
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = time.Minute
	}
	if o.EarlyBytes == 0 {
		o.EarlyBytes = 64 << 20
	}
	if o.ResultBytes == 0 {
		o.ResultBytes = wal.MaxRecordBytes - recordHead
	}
	if o.BacklogBytes == 0 {
		o.BacklogBytes = 256 << 20
	}
	return o
}
