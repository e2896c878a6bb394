package executor

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Digests computes the state digest of every height above the checkpoint anew,
// from the writes in the log and the values that they replace, and calls fn
// with each: committed heights first, then those in doubt. It begins with the
// digest that the database has recorded, so the two belong together only if a
// scan of the database gives that one too. fn may be called with a digest other
// than that of the attempt: then the attempt's writes do not make the state
// that was voted on.
func (o *Offline) Digests(fn func(p *protocol.Prepared, rebuilt protocol.Digest) error) error {
	sum := protocol.SumOf(o.Checkpoint.Committed.Digest)
	for _, p := range o.attempts() {
		next, err := o.add(sum, p)
		if err != nil {
			return fmt.Errorf("digest of attempt %s: %w", p.Attempt, err)
		}
		if err := fn(p, next.Digest()); err != nil {
			return err
		}
		sum = next
	}
	return nil
}

// attempts are those above the checkpoint, in order of height.
func (o *Offline) attempts() []*protocol.Prepared {
	var all []*protocol.Prepared
	for _, c := range o.State.Replayed {
		all = append(all, c.Prepared)
	}
	return append(all, o.State.Prepared...)
}

// add puts the writes of an attempt into the digest of the height below it.
func (o *Offline) add(sum protocol.Sum, p *protocol.Prepared) (protocol.Sum, error) {
	writes, err := protocol.DecodeWrites(p.Writes)
	if err != nil {
		return sum, err
	}
	below, err := o.store.View(p.Attempt.Height - 1)
	if err != nil {
		return sum, err
	}
	defer below.Close()
	for _, w := range writes {
		old, ok, err := below.Get(w.Key)
		if err != nil {
			return sum, err
		}
		if ok {
			sum = sum.Sub(protocol.PairSum(w.Key, old))
		}
		if !w.Delete {
			sum = sum.Add(protocol.PairSum(w.Key, w.Value))
		}
	}
	return sum, nil
}
