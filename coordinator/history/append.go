package history

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// entry is a pair as it goes into a table.
type entry struct{ key, stored []byte }

// Append adds decisions and replaces the meta, in one transaction: after a
// crash all of it is there or none. It is durable when Append returns. The
// caller must have forced the decisions to the log before, and may trim the log
// up to meta.Log.Keep after. Without decisions, the meta alone is written.
//
// The decisions are in ascending order and continue the history without a gap.
// ErrForeign, ErrOrder, ErrChain, ErrDuplicate, ErrInvalid and ErrNoSpace are
// refusals, and ErrDamaged is a finding about what is there already; nothing
// changed in either case. After ErrPoisoned, which may wrap damage too, the
// outcome is unknown: every later call fails with it, and opening the history
// anew tells what the disk holds.
//
// All of the decisions are in memory and in one transaction, so the caller
// bounds their number; some thousands are a good measure.
func (h *History) Append(meta Meta, decisions []*protocol.Decision) error {
	h.appending.Lock()
	defer h.appending.Unlock()
	if err := h.append(meta, decisions); err != nil {
		return fmt.Errorf("append %d decisions to the history: %w", len(decisions), err)
	}
	return nil
}

func (h *History) append(meta Meta, decisions []*protocol.Decision) error {
	if err := h.Err(); err != nil {
		return err
	}
	if h.readOnly {
		return ErrReadOnly
	}
	next, err := h.tip.Load().advance(meta, decisions)
	if err != nil {
		return err
	}
	w, err := newWrite(next, decisions)
	if err != nil {
		return err
	}
	if err := h.checkSpace(w); err != nil {
		return err
	}
	if err := h.write(w); err != nil {
		return err
	}
	h.tip.Store(&next)
	return nil
}

// write is what one transaction puts into the tables, in the order of the keys.
type write struct {
	tip     tip
	heights []entry
	keys    []entry
}

func newWrite(next tip, decisions []*protocol.Decision) (write, error) {
	w := write{tip: next, heights: make([]entry, 0, len(decisions)), keys: make([]entry, 0, len(decisions))}
	for _, d := range decisions {
		height, key, record := heightBytes(d.Height()), []byte(d.Key), protocol.EncodeRecord(d)
		// What cannot be read again would be lost for good, so it is tried.
		if _, err := protocol.DecodeRecord(protocol.RecordDecided, record); err != nil {
			return write{}, fmt.Errorf("decision for height %d: %w: %w", d.Height(), ErrInvalid, err)
		}
		w.heights = append(w.heights, entry{height, seal(height, record)})
		w.keys = append(w.keys, entry{key, seal(key, height)})
	}
	slices.SortFunc(w.keys, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	return w, nil
}

// write carries a write out. An error before the commit leaves everything as it
// was; an error of the commit poisons, and so does a crash inside bbolt.
func (h *History) write(w write) error {
	committing := false
	before := h.length()
	err := guard("write", func() error {
		tx, err := h.bolt.Begin(true)
		if err != nil {
			return err
		}
		if err := w.apply(tx); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		committing = true
		return tx.Commit()
	})
	var c *crash
	crashed := errors.As(err, &c)
	if committing {
		h.fsyncs.Add(2) // bbolt forces the pages, and then the meta page,
		if h.length() != before {
			h.fsyncs.Add(1) // and a file that it makes longer
		}
	}
	if err == nil || (!committing && !crashed) {
		return err
	}
	h.end(&ending{err: fmt.Errorf("%w: %w", ErrPoisoned, err), crashed: crashed})
	return h.Err()
}

// length is the length of the file in bytes; 0 if the system does not tell.
func (h *History) length() int64 {
	info, err := h.file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// apply looks before it writes: once pages are changed, they are no longer in
// the form that damage is looked for in.
func (w write) apply(tx *bbolt.Tx) error {
	b, err := bucketsOf(tx)
	if err != nil {
		return err
	}
	if err := w.checkKeys(b); err != nil {
		return err
	}
	b.heights.FillPercent = 1 // keys only grow, so that full pages stay as they are
	for _, e := range w.heights {
		if err := b.heights.Put(e.key, e.stored); err != nil {
			return fmt.Errorf("put decision: %w", err)
		}
	}
	for _, e := range w.keys {
		if err := b.keys.Put(e.key, e.stored); err != nil {
			return fmt.Errorf("put block key: %w", err)
		}
	}
	return b.putTip(w.tip)
}

// checkKeys refuses a block key that is in the index, or twice in this write.
func (w write) checkKeys(b buckets) error {
	for i, e := range w.keys {
		if i > 0 && bytes.Equal(e.key, w.keys[i-1].key) {
			return fmt.Errorf("block key %q is given twice: %w", e.key, ErrDuplicate)
		}
		height, found, err := b.heightOf(e.key)
		if err != nil {
			return err
		}
		if found {
			return fmt.Errorf("block key %q stands at height %d: %w", e.key, height, ErrDuplicate)
		}
	}
	return nil
}
