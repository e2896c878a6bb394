package executor

import (
	"sync"
)

const (
	takeTasks  = 64       // most tasks that a worker takes from the queue at once
	spillTasks = 256      // a worker with more than this gives half to the others
	flushBytes = 64 << 10 // a worker with more than this for a peer sends it
)

// pool drives a run with several workers: a shared queue of ready tasks, from
// which each worker takes a handful, and a stack of its own for the tasks that
// its work makes ready. So there is no lock per transaction.
type pool struct {
	run   *run
	flush func(pushes) // sends and empties
	mu    sync.Mutex
	wake  sync.Cond
	queue []int32
	ended bool
}

func newPool(r *run, flush func(pushes)) *pool {
	p := &pool{run: r, flush: flush}
	p.wake.L = &p.mu
	return p
}

// add queues ready tasks and wakes workers.
func (p *pool) add(ready []int32) {
	if len(ready) == 0 {
		return
	}
	p.mu.Lock()
	p.queue = append(p.queue, ready...)
	p.mu.Unlock()
	p.wake.Broadcast()
}

// end makes every worker return.
func (p *pool) end() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.wake.Broadcast()
}

// take waits for tasks; none mean that the run is over.
func (p *pool) take(mine []int32) []int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) == 0 && !p.ended {
		p.wake.Wait()
	}
	if p.ended {
		return nil
	}
	n := min(len(p.queue), takeTasks)
	mine = append(mine, p.queue[len(p.queue)-n:]...)
	p.queue = p.queue[:len(p.queue)-n]
	return mine
}

// work performs tasks until the run is over.
func (p *pool) work(shards int) {
	out := make(pushes, shards)
	tx := NewTx(p.run.limits)
	var mine []int32
	for {
		if len(mine) == 0 {
			p.flush(out)
			if mine = p.take(mine); len(mine) == 0 {
				return
			}
		}
		id := mine[len(mine)-1]
		mine = p.run.perform(id, tx, out, mine[:len(mine)-1])
		if p.run.over() {
			p.flush(out)
			p.end()
			return
		}
		mine = p.share(mine, out)
	}
}

// share gives away what is too much: tasks to other workers, values to peers.
func (p *pool) share(mine []int32, out pushes) []int32 {
	for _, values := range out {
		if len(values) > flushBytes {
			p.flush(out)
			break
		}
	}
	if len(mine) > spillTasks {
		half := len(mine) / 2
		p.add(mine[:half])
		mine = append(mine[:0], mine[half:]...)
	}
	return mine
}
