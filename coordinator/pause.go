package coordinator

import (
	"context"
	"fmt"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wire"
)

const (
	// pauseMost bounds the wait for the blocks under way before leadership is handed
	// over, or the coordinator stops. What is not decided by then stays in the log, and
	// the next incarnation runs it again.
	pauseMost = time.Second
	// pauseLook is how often it is looked whether they are decided.
	pauseLook = 5 * time.Millisecond
)

// Pause has this coordinator take up nothing new, if it leads, and waits until what
// is under way is decided: a second at most, or until ctx ends. Clients that come
// meanwhile are sent to the other coordinators, and come back should none of them
// lead. Whoever calls it calls resume, once, when the leadership is handed over, or
// is not.
func (c *Coordinator) Pause(ctx context.Context) (resume func()) {
	in := c.now.Load()
	if in == nil {
		return func() {}
	}
	return in.pause(ctx)
}

// pause is Pause.
func (in *incarnation) pause(ctx context.Context) (resume func()) {
	in.paused.Add(1)
	ctx, cancel := context.WithTimeout(ctx, pauseMost)
	defer cancel()
	in.settle(ctx)
	return func() { in.paused.Add(-1) }
}

// settle waits until nothing is under way that was taken up, the incarnation ends,
// or ctx does.
func (in *incarnation) settle(ctx context.Context) {
	tick := time.NewTicker(pauseLook)
	defer tick.Stop()
	for in.busy() {
		select {
		case <-tick.C:
		case <-in.ended:
			return
		case <-ctx.Done():
			return
		}
	}
}

// busy reports whether anything is under way that was taken up.
func (in *incarnation) busy() bool {
	if in.waiters.count() > 0 || len(in.batcher.room) > 0 {
		return true
	}
	s := in.core.Status()
	return s.Ended == "" && (s.Queued > 0 || len(s.InFlight) > 0)
}

// room turns a client away while nothing new is taken up. One that just got past it
// is answered by this incarnation, or sent on at its end.
func (in *incarnation) room() error {
	if in.paused.Load() > 0 {
		return wire.NotLeader("", fmt.Sprintf("%s takes up nothing new: it hands the leadership over, or stops", in.coordinator.options.Name))
	}
	return in.coordinator.room()
}
