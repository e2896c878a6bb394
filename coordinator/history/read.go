package history

import (
	"bytes"
	"math"

	"github.com/lockstep-exec/lockstep/protocol"
)

// ByHeight gives the decision for a height, and false for a height that the
// history does not have. It fails with a *DamageError, ErrPoisoned or ErrClosed.
func (h *History) ByHeight(height protocol.Height) (*protocol.Decision, bool, error) {
	if height == 0 || height > h.Height() {
		return nil, false, h.Err()
	}
	var d *protocol.Decision
	err := h.view("read decision", func(b buckets) (err error) {
		d, err = b.decision(height)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return d, true, nil
}

// ByKey gives the decision for a block key, and false for a key that is not
// decided up to the Height that was current when the call began; a caller that
// passes that on (protocol.Submitted) asks for Height before. It fails with a
// *DamageError, ErrPoisoned or ErrClosed.
//
// Damage to the very entry that is looked for, or to one beside it, is found;
// but damage to the head of a page can hide the entries of that page, which
// only Verify finds.
func (h *History) ByKey(key string) (*protocol.Decision, bool, error) {
	var d *protocol.Decision
	durable := h.Height()
	err := h.view("look up block key", func(b buckets) error {
		height, found, err := b.heightOf([]byte(key))
		if err != nil || !found || height > durable {
			return err
		}
		d, err = b.decisionOfKey(height, key)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return d, d != nil, nil
}

// decisionOfKey reads the decision to which the index leads for a key.
func (b buckets) decisionOfKey(height protocol.Height, key string) (*protocol.Decision, error) {
	d, err := b.decision(height)
	if err != nil {
		return nil, err
	}
	if d.Key != key {
		return nil, &DamageError{Key: key, What: "key index leads to the wrong decision", Height: height}
	}
	return d, nil
}

// A batch of Range ends with the decision that reaches either bound, so that a
// read transaction stays short and the memory bounded.
const (
	batchDecisions = 256
	batchOutcomes  = 4 << 20
)

// Range calls fn with the decisions from a height on, in ascending order, at
// most limit of them, or all up to the current Height if limit is not positive.
// No transaction is open while fn runs, so fn may take its time and may call
// into h; the decision belongs to it. Range ends with the first error, of fn as
// it is, or one of those of ByHeight.
func (h *History) Range(from protocol.Height, limit int, fn func(*protocol.Decision) error) error {
	if err := h.Err(); err != nil {
		return err
	}
	from = max(from, 1)
	if limit <= 0 {
		limit = math.MaxInt
	}
	for limit > 0 && from <= h.Height() {
		batch, err := h.batch(from, min(limit, batchDecisions))
		if err != nil {
			return err
		}
		for _, d := range batch {
			if err := fn(d); err != nil {
				return err
			}
		}
		from += protocol.Height(len(batch))
		limit -= len(batch)
	}
	return nil
}

// batch reads one to count decisions, from a height that the history has.
func (h *History) batch(from protocol.Height, count int) (batch []*protocol.Decision, err error) {
	last := min(h.Height(), from+protocol.Height(count)-1)
	outcomes := 0
	err = h.view("read decisions", func(b buckets) error {
		c := b.heights.Cursor()
		at, stored := c.Seek(heightBytes(from))
		for height := from; height <= last && outcomes < batchOutcomes; height++ {
			if !bytes.Equal(at, heightBytes(height)) {
				return damagedAt(height, "decision is missing")
			}
			d, err := decodeDecision(height, stored)
			if err != nil {
				return err
			}
			batch = append(batch, d)
			outcomes += d.Outcomes.Len()
			at, stored = c.Next()
		}
		return nil
	})
	return batch, err
}
