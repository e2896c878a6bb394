package executor

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

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
	case e == nil || a.Compare(e.attempt) > 0 || a == e.attempt && e.phase < running:
		return nil, nil, r.early.add(from, a, values)
	case a != e.attempt || e.phase == over:
		return nil, nil, nil
	}
	e.heard = r.parts.Now()
	return e.run, e.pool, nil
}
