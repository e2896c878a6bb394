package executor

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// execution is one attempt on its way. It goes through its phases in pieces,
// each of which ends by asking for the next; between them it may wait for the
// height below, or for values of other shards.
type execution struct {
	attempt  protocol.AttemptID
	config   protocol.Config
	subBlock []byte

	// Guarded by Runner.mu.
	phase  phase
	left   bool      // dropped, committed or closed: nothing of it is wanted any more
	staged bool      // its writes are, so the height above can read them
	graph  *graph    // from planned on
	run    *run      // while running
	pool   *pool     // while running
	opened time.Time // when values were let in
	heard  time.Time // when the last came

	pushedMu sync.Mutex
	pushed   [][]byte // by shard: everything pushed, for the Prepared record
	bytes    int      // of pushed
}

type phase uint8

const (
	unplanned phase = iota // waits for its graph
	planned                // waits for its turn
	reading                // reads the values before the block
	running                // performs transactions
	over                   // has a result, which is staged unless it is a refusal
)

// planNext asks for graphs, of not more executions at a time than there are
// workers. r.mu is held.
func (r *Runner) planNext() {
	for r.planning < r.options.Workers && len(r.unplanned) > 0 {
		e := r.unplanned[0]
		r.unplanned[0] = nil
		r.unplanned = r.unplanned[1:]
		if !e.left {
			r.planning++
			r.parts.Schedule.Go(func() { r.plan(e) })
		}
	}
}

// plan derives the conflict graph.
func (r *Runner) plan(e *execution) {
	sub, err := protocol.DecodeSubBlock(e.subBlock, e.config.Limits)
	var g *graph
	if err == nil {
		g = newGraph(sub, e.config.Slots, r.parts.Shard)
	}
	r.mu.Lock()
	r.planning--
	r.planNext()
	if err == nil && !e.left {
		e.phase, e.graph = planned, g
		r.turn(e)
	}
	r.mu.Unlock()
	if err != nil {
		r.refuse(e, refusal(protocol.CauseMalformed, false, "the sub-block cannot be read: %v", err))
	}
}

// turn goes on with a planned execution if the height below is staged, and the
// checkpoint not too far behind. r.mu is held.
func (r *Runner) turn(e *execution) {
	if e == nil || e.phase != planned {
		return
	}
	if below := r.at(e.attempt.Height - 1); below != nil && !below.staged {
		return
	}
	if r.parts.Staging.Backlog() > r.options.BacklogBytes {
		return
	}
	e.phase = reading
	g := e.graph
	r.parts.Schedule.Go(func() { r.read(e, g) })
}

// parallelReads is how many keys make it worth while to read in another piece.
const parallelReads = 512

// before is what a block is executed on, read in parts.
type before struct {
	graph  *graph
	values []value // by key
	errs   []error // by part
	unread atomic.Int32
}

// read reads the values before the block, in as many pieces as are worth while.
func (r *Runner) read(e *execution, g *graph) {
	parts := min(r.options.Workers, 1+len(g.keys)/parallelReads)
	b := &before{graph: g, values: make([]value, len(g.keys)), errs: make([]error, parts)}
	b.unread.Store(int32(parts))
	for part := 1; part < parts; part++ {
		r.parts.Schedule.Go(func() { r.readPart(e, b, part) })
	}
	r.readPart(e, b, 0)
}

// readPart reads one part; the last to be done begins the run.
func (r *Runner) readPart(e *execution, b *before, part int) {
	from, to := part*len(b.values)/len(b.errs), (part+1)*len(b.values)/len(b.errs)
	b.errs[part] = b.read(r.parts.Staging, e.attempt.Height-1, from, to)
	if b.unread.Add(-1) > 0 {
		return
	}
	if err := errors.Join(b.errs...); err != nil {
		r.refuse(e, refusal(protocol.CauseState, true, "read the state below height %d: %v", e.attempt.Height, err))
		return
	}
	r.begin(e, b)
}

func (b *before) read(s Staging, asOf protocol.Height, from, to int) error {
	keys := make([][]byte, to-from)
	for i := range keys {
		keys[i] = b.graph.keys[from+i].key
	}
	read, err := s.Read(asOf, keys)
	if err != nil {
		return err
	}
	for i, v := range read {
		b.values[from+i] = value{bytes: v.Bytes, present: v.Present}
	}
	return nil
}

// begin starts the run: what is ready without the other shards is queued, and
// values are let in, those that came early first.
func (r *Runner) begin(e *execution, b *before) {
	shards := e.config.Shards()
	run := newRun(e.attempt, b.graph, r.parts.Machine, e.config.Limits, shards, r.options.PushedBytes)
	p := newPool(run, shards, r.parts.Schedule, r.options)
	p.flush = func(out pushes) { r.flush(e, run, out) }
	p.done = func() { r.finish(e, run) }
	out := make(pushes, shards)
	ready := run.start(b.values, out)
	r.flush(e, run, out)
	came, ok := r.open(e, run, p)
	if !ok {
		return
	}
	for _, k := range came {
		for _, values := range k.batches {
			more, err := run.deliver(k.from, values)
			if err != nil {
				run.fail(*refusal(protocol.CauseValues, true, "values of shard %d: %v", k.from, err))
			}
			ready = append(ready, more...)
		}
	}
	p.add(ready)
}

// open lets deliveries reach the run, and gives those that came early.
func (r *Runner) open(e *execution, run *run, p *pool) (came []kept, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.left {
		return nil, false
	}
	e.phase, e.run, e.pool, e.opened = running, run, p, r.parts.Now()
	e.heard = e.opened
	return r.early.take(e.attempt), true
}

// flush hands what was collected to the peers, and keeps it for the record. A
// run that pushes more than a record holds is ended before it fills the memory.
func (r *Runner) flush(e *execution, run *run, out pushes) {
	for s, values := range out {
		if len(values) == 0 {
			continue
		}
		if size := e.keep(s, values); size > r.options.ResultBytes {
			run.fail(*r.tooLarge(size))
			return
		}
		r.push(e, protocol.ShardID(s), values)
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

// push hands values to a peer, unless the attempt has been released.
func (r *Runner) push(e *execution, to protocol.ShardID, values []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !e.left {
		r.parts.Pusher.Push(to, e.attempt, values)
	}
}

// finish follows a run: its writes are staged, and its result is told.
func (r *Runner) finish(e *execution, run *run) {
	result, writes, why := r.resultOf(e, run)
	if why == nil {
		why = r.stage(e, writes)
	}
	if why != nil {
		r.refuse(e, why)
		return
	}
	r.tell(e, protocol.Executed{Attempt: e.attempt, Result: result})
}

func (r *Runner) resultOf(e *execution, run *run) (protocol.Result, []protocol.WriteOp, *protocol.Refusal) {
	if why := run.failure.Load(); why != nil {
		return protocol.Result{}, nil, why
	}
	result, writes, err := run.outcomeOf(e.pushed)
	if err != nil {
		return protocol.Result{}, nil, refusal(protocol.CauseMalformed, false, "%v", err)
	}
	if size := len(result.Writes) + len(result.Pushed) + len(protocol.EncodeOutcomes(result.Outcomes)); size > r.options.ResultBytes {
		return protocol.Result{}, nil, r.tooLarge(size)
	}
	return result, writes, nil
}

// stage puts the writes on top of the state, unless nobody wants them any
// more, and goes on with the height above.
func (r *Runner) stage(e *execution, writes []protocol.WriteOp) *protocol.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.left {
		return nil
	}
	if err := r.parts.Staging.Stage(e.attempt.Height, writes); err != nil {
		return refusal(protocol.CauseState, true, "stage the writes: %v", err)
	}
	e.staged = true
	r.turn(r.at(e.attempt.Height + 1))
	return nil
}

func (r *Runner) refuse(e *execution, why *protocol.Refusal) {
	r.tell(e, protocol.Executed{Attempt: e.attempt, Failure: why})
}

// tell reports what an execution came to, unless nobody wants it any more. If
// it is dropped in between, the report does no harm.
func (r *Runner) tell(e *execution, executed protocol.Executed) {
	r.mu.Lock()
	from, to, waited := r.waited(e)
	e.phase, e.graph, e.run, e.pool = over, nil, nil, nil
	left := e.left
	if !left {
		r.early.take(e.attempt)
	}
	r.mu.Unlock()
	if waited && r.parts.Waited != nil {
		r.parts.Waited(e.attempt, from, to)
	}
	if !left {
		r.parts.Report(executed)
	}
}

// waited gives the moments between which a run waited for values, if it needed
// any. r.mu is held.
func (r *Runner) waited(e *execution) (from, to time.Time, needed bool) {
	if e.run == nil || e.run.graph.remote == 0 {
		return from, to, false
	}
	if len(e.run.waitsFor()) > 0 { // it was ended before they came
		return e.opened, r.parts.Now(), true
	}
	return e.opened, e.heard, true
}

func refusal(cause protocol.Cause, retry bool, format string, args ...any) *protocol.Refusal {
	return &protocol.Refusal{Reason: fmt.Sprintf(format, args...), Retry: retry, Cause: cause}
}

func (r *Runner) tooLarge(size int) *protocol.Refusal {
	return refusal(protocol.CauseTooLarge, false, "the block comes to %d bytes of writes and exchanged values on shard %d, the most that can be prepared is %d: make smaller blocks",
		size, r.parts.Shard, r.options.ResultBytes)
}
