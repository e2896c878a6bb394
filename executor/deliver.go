package executor

import (
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// ErrEarly tells a peer to send again later: there is no room for more values
// of attempts that have not begun here.
var ErrEarly = errors.New("no room for values of attempts that have not begun here")

// maxAhead bounds how far above the committed height values are kept.
const maxAhead = 1024

type delivery struct {
	from   protocol.ShardID
	values []byte
}

// deliveryBytes is what a delivery costs besides its values.
const deliveryBytes = 64

func (d delivery) bytes() int64 { return int64(len(d.values)) + deliveryBytes }

// deliveries are kept in the order in which they came.
type deliveries struct {
	list  []delivery
	bytes int64
}

// add keeps a delivery, or gives ErrEarly if that would come to more than most.
func (d *deliveries) add(one delivery, most int64) error {
	if d.bytes+one.bytes() > most {
		return ErrEarly
	}
	d.bytes += one.bytes()
	d.list = append(d.list, one)
	return nil
}

// Deliver takes values that a peer pushed. Late ones and duplicates are
// dropped; early ones are kept within a bound (ErrEarly). Any other error
// means that the peer sent what no correct peer sends.
//
// Values are tagged with their attempt, so those of one attempt can never
// reach another.
func (r *Runner) Deliver(from protocol.ShardID, a protocol.AttemptID, values []byte) error {
	run, pool, err := r.route(from, a, values)
	if err != nil || run == nil {
		return err
	}
	ready, err := run.deliver(from, values)
	pool.add(ready)
	if err != nil {
		return fmt.Errorf("attempt %s: %w", a, err)
	}
	return nil
}

// route finds the run that takes the values now, or keeps them for later.
func (r *Runner) route(from protocol.ShardID, a protocol.AttemptID, values []byte) (*run, *pool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.Height <= r.committed {
		return nil, nil, nil
	}
	if a.Height > r.committed+maxAhead {
		return nil, nil, fmt.Errorf("shard %d pushed values of height %d, far above the committed height %d", from, a.Height, r.committed)
	}
	e := r.at(a.Height)
	switch {
	case e == nil || a.Compare(e.attempt) > 0:
		return nil, nil, r.early.add(a, delivery{from: from, values: values})
	case a != e.attempt || e.phase == over:
		return nil, nil, nil
	case e.phase != running:
		return nil, nil, e.waiting.add(delivery{from: from, values: values}, r.options.EarlyBytes)
	}
	e.heard = r.parts.Now()
	return e.run, e.pool, nil
}

// early holds values of attempts that have not begun here.
type early struct {
	bytes, most int64
	byAttempt   map[protocol.AttemptID]deliveries
}

func (b *early) add(a protocol.AttemptID, d delivery) error {
	all := b.byAttempt[a]
	if err := all.add(d, b.most-b.bytes+all.bytes); err != nil {
		return err
	}
	b.bytes += d.bytes()
	b.byAttempt[a] = all
	return nil
}

// take gives what came for an attempt, and forgets what came for older ones of
// its height.
func (b *early) take(a protocol.AttemptID) deliveries {
	taken := b.byAttempt[a]
	b.drop(func(o protocol.AttemptID) bool { return o.Height == a.Height && o.Compare(a) <= 0 })
	return taken
}

// forget drops everything up to a height.
func (b *early) forget(h protocol.Height) {
	b.drop(func(o protocol.AttemptID) bool { return o.Height <= h })
}

func (b *early) drop(which func(protocol.AttemptID) bool) {
	for a, all := range b.byAttempt {
		if which(a) {
			b.bytes -= all.bytes
			delete(b.byAttempt, a)
		}
	}
}
