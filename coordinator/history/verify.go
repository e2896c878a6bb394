package history

import (
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator/history/internal/pages"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Verify looks at everything there is and calls fn with what is damaged, as it
// goes: the structure of the file; of every decision its checksum, its place,
// that it builds on the one below it, with the chain root computed anew, and
// that the key index leads to it; and that nothing else is in the index. The
// history is sound if fn was not called.
//
// It is meant for OpenReadOnly. It reads the whole file; in an open history,
// appends and Close wait for it. fn must not call them. The error says why it
// could not look: ErrPoisoned, ErrClosed, or an error of reading the file.
func (h *History) Verify(fn func(*DamageError)) error {
	h.appending.Lock()
	defer h.appending.Unlock()
	if err := h.verify(fn); err != nil {
		return fmt.Errorf("verify %s: %w", h.path(), err)
	}
	return nil
}

func (h *History) verify(fn func(*DamageError)) error {
	if err := h.Err(); err != nil {
		return err
	}
	walkable, err := h.verifyPages(fn)
	if err != nil {
		return err
	}
	if !walkable {
		fn(&DamageError{What: "decisions were not looked at, because the file leads in circles"})
		return nil
	}
	if err := h.verifyChain(fn); err != nil {
		return err
	}
	if err := h.verifyTable(fn, heightsTable); err != nil {
		return err
	}
	return h.verifyTable(fn, keysTable)
}

// verifyPages reports whether the decisions can be looked at.
func (h *History) verifyPages(fn func(*DamageError)) (walkable bool, err error) {
	info, err := h.file.Stat()
	if err != nil {
		return false, err
	}
	return pages.Check(h.file, info.Size(), int64(h.bolt.Info().PageSize), func(what string) {
		fn(&DamageError{What: "structure of the file", Err: errors.New(what)})
	})
}

// verifyChain follows the chain from height 1 up to the one the meta record
// speaks of.
func (h *History) verifyChain(fn func(*DamageError)) error {
	end := h.tip.Load()
	at := &tip{meta: end.meta}
	for height := protocol.Height(1); height <= end.height; height++ {
		d, err := h.verifyDecision(at, height)
		if stop := reported(err, fn); stop != nil {
			return stop
		}
		at = nil // not known any more, unless the decision could be read
		if d != nil {
			at = &tip{meta: end.meta, height: height, root: d.Root, attempt: d.Attempt}
		}
	}
	if at != nil && at.root != end.root {
		fn(&DamageError{Height: end.height, What: fmt.Sprintf("chain root is %s, the meta record says %s", at.root, end.root)})
	}
	return nil
}

// verifyDecision gives the decision if it can be read, even with an error about
// its links. below is nil if what is below it is not known.
func (h *History) verifyDecision(below *tip, height protocol.Height) (d *protocol.Decision, err error) {
	err = h.view("read decision", func(b buckets) (err error) {
		if d, err = b.decision(height); err != nil {
			return err
		}
		if below != nil {
			if why := below.breaks(d); why != "" {
				return damagedAt(height, "decision does not continue the chain: %s", why)
			}
		}
		return b.checkIndexed(d)
	})
	return d, err
}

// checkIndexed checks that the key index leads to the decision.
func (b buckets) checkIndexed(d *protocol.Decision) error {
	height, found, err := b.heightOf([]byte(d.Key))
	switch {
	case err != nil:
		return err
	case !found:
		return &DamageError{Height: d.Height(), Key: d.Key, What: "not in the key index"}
	case height != d.Height():
		return &DamageError{Height: d.Height(), Key: d.Key, What: fmt.Sprintf("key index leads to height %d", height)}
	}
	return nil
}

// reported hands damage to fn, and gives back any other error.
func reported(err error, fn func(*DamageError)) error {
	var damage *DamageError
	if err == nil || !errors.As(err, &damage) {
		return err
	}
	fn(damage)
	return nil
}
