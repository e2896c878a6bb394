package executor

import (
	"sync"
	"sync/atomic"

	"github.com/lockstep-exec/lockstep/protocol"
)

const (
	spillTasks = 256     // a worker with more than this gives half to the others
	flushBytes = 8 << 10 // a worker with more than this for a peer sends it at once
)

// pool drives a run with several workers: a shared queue of ready tasks, from
// which each worker takes a handful, and a stack of its own for the tasks that
// its work makes ready. So there is no lock per transaction. A worker is a
// piece of the schedule, and ends when the queue is empty; tasks that become
// ready later ask for another.
type pool struct {
	run      *run
	shards   int
	schedule Schedule
	options  RunnerOptions
	flush    func(pushes) // sends and empties
	done     func()       // the last piece, once the run is over
	stopped  atomic.Bool  // nothing more is wanted of the run; written under mu

	mu       sync.Mutex
	queue    []int32
	working  int       // workers asked for that have not returned
	starting int       // of which have not taken tasks yet
	idle     []*worker // what workers left for the next ones
	ended    bool      // done was asked for
}

// worker is what one worker needs, to be used again and again.
type worker struct {
	tx   *Tx
	mine []int32
	out  pushes
}

func newPool(r *run, shards int, s Schedule, o RunnerOptions) *pool {
	return &pool{run: r, shards: shards, schedule: s, options: o}
}

// add queues ready tasks, if any, and goes on with the run.
func (p *pool) add(ready []int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, ready...)
	p.proceed()
}

// stop has the workers return, without a last piece.
func (p *pool) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped.Store(true)
}

// over reports whether a worker has nothing more to perform.
func (p *pool) over() bool { return p.run.over() || p.stopped.Load() }

// proceed asks for as many workers as there is work for, or for the last piece
// once the run is over and all workers have returned. p.mu is held.
func (p *pool) proceed() {
	switch {
	case p.stopped.Load() || p.ended:
	case !p.run.over():
		for p.working < p.options.Workers && p.starting*p.options.TakeTasks < len(p.queue) {
			p.working++
			p.starting++
			p.schedule.Go(p.work)
		}
	case p.working == 0:
		p.ended = true
		p.schedule.Go(p.done)
	}
}

// work is a worker: it takes tasks and works them off, with those that they
// make ready, until there are none. What it has for peers then goes out: while
// there is work here, few large messages are worth more than early ones.
func (p *pool) work() {
	w, returns := p.begin(), false
	defer func() {
		if !returns { // runtime.Goexit: recover does not see it
			p.run.fail(*refusal(protocol.CauseMachine, false, "the machine ended its goroutine instead of returning"))
		}
		p.end(w)
	}()
	for performed := 0; !p.enough(performed) && p.take(w); {
		for len(w.mine) > 0 && !p.over() && !p.enough(performed) {
			id := pop(&w.mine, p.options.Pick)
			w.mine = p.run.perform(id, w.tx, w.out, w.mine)
			p.share(w)
			performed++
		}
	}
	p.flush(w.out)
	returns = true
}

// enough reports whether a piece has performed its share.
func (p *pool) enough(performed int) bool {
	return p.options.PieceTasks > 0 && performed >= p.options.PieceTasks
}

// begin gives what a worker needs.
func (p *pool) begin() *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return w
	}
	return &worker{tx: NewTx(p.run.limits), out: make(pushes, p.shards)}
}

// take gives the worker tasks from the queue, and reports whether there are any.
func (p *pool) take(w *worker) bool {
	if p.over() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for range min(len(p.queue), p.options.TakeTasks) {
		w.mine = append(w.mine, pop(&p.queue, p.options.Pick))
	}
	return len(w.mine) > 0
}

// end puts back what a worker needs, and what it has left to do.
func (p *pool) end(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, w.mine...)
	w.mine = w.mine[:0]
	p.idle = append(p.idle, w)
	p.working--
	p.proceed()
}

// pop takes one task.
func pop(tasks *[]int32, pick func(n int) int) int32 {
	at, last := pick(len(*tasks)), len(*tasks)-1
	id := (*tasks)[at]
	(*tasks)[at] = (*tasks)[last]
	*tasks = (*tasks)[:last]
	return id
}

// share gives away what is too much: tasks to other workers, values to peers.
func (p *pool) share(w *worker) {
	for _, values := range w.out {
		if len(values) > flushBytes {
			p.flush(w.out)
			break
		}
	}
	if len(w.mine) > spillTasks {
		half := len(w.mine) / 2
		p.add(w.mine[:half])
		w.mine = append(w.mine[:0], w.mine[half:]...)
	}
}
