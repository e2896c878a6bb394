package executor

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// ErrEarly tells a peer to send again later: there is no room for more values
// of attempts that have not begun here.
var ErrEarly = errors.New("no room for values of attempts that have not begun here")

// maxAhead bounds how far above the committed height values are kept.
const maxAhead = 1024

// watchInterval is how often an execution looks at what it waits for.
const watchInterval = 100 * time.Millisecond

func defaultWorkers() int { return runtime.GOMAXPROCS(0) }

// Deliver takes values that a peer pushed. Late ones and duplicates are
// dropped; early ones are kept within a bound (ErrEarly). Any other error
// means that the peer sent what no correct peer sends.
//
// Values are tagged with their attempt, so those of one attempt can never
// reach another.
func (r *Runner) Deliver(from protocol.ShardID, a protocol.AttemptID, values []byte) error {
	e, err := r.route(from, a, values)
	if err != nil || e == nil {
		return err
	}
	ready, err := e.run.deliver(from, values)
	e.pool.add(ready)
	if err != nil {
		return fmt.Errorf("attempt %s: %w", a, err)
	}
	return nil
}

// route finds the execution that takes the values now, or keeps them for later.
func (r *Runner) route(from protocol.ShardID, a protocol.AttemptID, values []byte) (*execution, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.Height <= r.committed {
		return nil, nil
	}
	if a.Height > r.committed+maxAhead {
		return nil, fmt.Errorf("shard %d pushed values of height %d, far above the committed height %d", from, a.Height, r.committed)
	}
	e := r.executions[a.Height]
	switch {
	case e == nil || a.Compare(e.attempt) > 0:
		return nil, r.early.add(a, delivery{from: from, values: values})
	case a != e.attempt:
		return nil, nil
	case e.run == nil:
		return nil, e.later(delivery{from: from, values: values}, r.options.EarlyBytes)
	}
	e.heard = time.Now()
	return e, nil
}

// later keeps a delivery until the run is ready for it. An attempt that a
// restart found prepared needs none.
func (e *execution) later(d delivery, most int64) error {
	select {
	case <-e.staged:
		return nil
	default:
	}
	size := int64(len(d.values))
	for _, w := range e.waiting {
		size += int64(len(w.values))
	}
	if size > most {
		return ErrEarly
	}
	e.waiting = append(e.waiting, d)
	return nil
}

// early holds values of attempts that have not begun here.
type early struct {
	bytes, most int64
	byAttempt   map[protocol.AttemptID][]delivery
}

func (b *early) add(a protocol.AttemptID, d delivery) error {
	size := int64(len(d.values)) + 64
	if b.bytes+size > b.most {
		return ErrEarly
	}
	b.bytes += size
	b.byAttempt[a] = append(b.byAttempt[a], d)
	return nil
}

// take gives what came for an attempt, and forgets what came for older ones of
// its height.
func (b *early) take(a protocol.AttemptID) []delivery {
	taken := b.byAttempt[a]
	b.drop(func(o protocol.AttemptID) bool { return o.Height == a.Height && o.Compare(a) <= 0 })
	return taken
}

// forget drops everything up to a height.
func (b *early) forget(h protocol.Height) {
	b.drop(func(o protocol.AttemptID) bool { return o.Height <= h })
}

func (b *early) drop(which func(protocol.AttemptID) bool) {
	for a, ds := range b.byAttempt {
		if !which(a) {
			continue
		}
		for _, d := range ds {
			b.bytes -= int64(len(d.values)) + 64
		}
		delete(b.byAttempt, a)
	}
}

// watch ends a run that waits for a peer that stays away: the attempt is
// refused, and trying again can help. It gives a function that ends the watch.
func (r *Runner) watch(e *execution, run *run, p *pool) (stop func()) {
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(watchInterval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-e.ctx.Done():
				p.end()
				return
			case <-tick.C:
			}
			if why := r.overdue(e, run); why != "" {
				run.fail(protocol.Refusal{Reason: why, Retry: true})
				p.end()
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// overdue says which peer has been waited for long enough, or "".
func (r *Runner) overdue(e *execution, run *run) string {
	owing := run.waitsFor()
	for _, s := range owing {
		if silent := r.pusher.Silent(s); silent > r.options.PeerTimeout {
			return fmt.Sprintf("values from shard %d are missing, and it has not been reached for %s", s, silent.Round(100*time.Millisecond))
		}
	}
	r.mu.Lock()
	quiet := time.Since(e.heard)
	r.mu.Unlock()
	if len(owing) > 0 && quiet > r.options.StallTimeout {
		return fmt.Sprintf("values from shards %v have not come for %s", owing, quiet.Round(time.Second))
	}
	return ""
}
