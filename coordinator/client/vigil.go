package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// vigil watches over one call. A leader that is stopped, or cut off, keeps its
// connections, and whoever waits for its answer hears nothing of the one that took
// over. So while nothing is heard the other coordinators are asked who leads, and
// the call ends if that is another one by now. As long as they name the same one,
// or nobody, the call goes on: it may be slow.
type vigil struct {
	ctx         context.Context // that of the call
	cancel      context.CancelCauseFunc
	coordinator *Coordinator
	peer        *peer
	watching    sync.WaitGroup

	mu    sync.Mutex
	since time.Time // when something was heard last; zero while nothing is expected
}

// watch begins to watch over a call to p, which is to answer.
func (c *Coordinator) watch(ctx context.Context, p *peer) *vigil {
	v := &vigil{coordinator: c, peer: p, since: time.Now()}
	v.ctx, v.cancel = context.WithCancelCause(ctx)
	c.learn(p)
	v.watching.Go(v.run)
	return v
}

// expect tells whether an answer is to come.
func (v *vigil) expect(yes bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case !yes:
		v.since = time.Time{}
	case v.since.IsZero():
		v.since = time.Now()
	}
}

// heard tells that something came.
func (v *vigil) heard() {
	v.coordinator.learn(v.peer)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.since = time.Now()
}

// why gives the error of the call, which err is unless the vigil has ended it.
func (v *vigil) why(err error) error {
	if _, moved := wire.Leader(context.Cause(v.ctx)); moved && err != nil {
		return context.Cause(v.ctx)
	}
	return err
}

// end ends the vigil and the call, and gives the error of the call.
func (v *vigil) end(err error) error {
	err = v.why(err)
	v.cancel(nil)
	v.watching.Wait()
	return err
}

func (v *vigil) run() {
	timer := time.NewTimer(rpc.QuietAfter)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-v.ctx.Done():
			return
		}
		wait := v.left()
		if wait <= 0 {
			v.look()
			wait = rpc.AskEvery
		}
		timer.Reset(wait)
	}
}

// left is how much longer it may be quiet before the others are asked.
func (v *vigil) left() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.since.IsZero() {
		return rpc.QuietAfter
	}
	return rpc.QuietAfter - time.Since(v.since)
}

// look asks the others.
func (v *vigil) look() {
	others, term, done := v.coordinator.others(v.peer)
	defer done()
	if leader, found := rpc.Successor(v.ctx, v.peer.address, term, others); found {
		v.cancel(wire.NotLeader(leader, fmt.Sprintf("%s says nothing, and %s leads by now", v.peer, leader)))
	}
}
