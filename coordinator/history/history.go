package history

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/lockstep-exec/lockstep/protocol"
)

// History is an open history. It is safe for concurrent use: appends come one
// after the other, reads go on meanwhile and see what is durable.
type History struct {
	dir      string
	opts     Options
	readOnly bool
	bolt     *bbolt.DB
	file     *os.File // of bolt
	fsyncs   atomic.Int64

	appending sync.Mutex // held by Append and Close

	// Invariant: what tip says is durable. Reads end there, because bbolt shows
	// a commit before its last sync.
	tip atomic.Pointer[tip]
	// over says why the history cannot be used any more; nil while it can.
	over atomic.Pointer[ending]
}

// ending is the end of the use of a history.
type ending struct {
	err     error
	crashed bool // inside bbolt, so that its locks may be held for good
}

// Meta gives the meta of the last Append. The result belongs to the caller.
func (h *History) Meta() Meta { return h.tip.Load().meta.clone() }

// Height is the height of the highest decision, 0 before the first. It never
// waits.
func (h *History) Height() protocol.Height { return h.tip.Load().height }

// Fsyncs counts how often Append has forced the file since it was opened.
func (h *History) Fsyncs() int64 { return h.fsyncs.Load() }

// Last gives the highest decision, nil before the first. Errors are those of
// ByHeight.
func (h *History) Last() (*protocol.Decision, error) {
	d, _, err := h.ByHeight(h.Height())
	return d, err
}

// Err is nil while the history can be used; afterwards it is ErrClosed, or
// ErrPoisoned with its cause.
func (h *History) Err() error {
	if o := h.over.Load(); o != nil {
		return o.err
	}
	return nil
}

// end notes why the history cannot be used any more. The first reason stays.
func (h *History) end(o *ending) { h.over.CompareAndSwap(nil, o) }

// Close waits for calls under way and gives up the file. It gives up a poisoned
// one as well. Calls after the first do nothing.
func (h *History) Close() error {
	h.appending.Lock()
	defer h.appending.Unlock()
	before := h.over.Swap(&ending{err: ErrClosed})
	switch {
	case before != nil && errors.Is(before.err, ErrClosed):
		return nil
	case before != nil && before.crashed:
		return h.letGo()
	}
	if err := h.bolt.Close(); err != nil {
		return fmt.Errorf("close %s: %w", h.path(), err)
	}
	return nil
}

// view runs fn in a read transaction. fn must be short, must not keep anything
// that aliases the tables, and must not call into h.
//
// What fn has found does not count if the history was poisoned meanwhile: it
// may have looked at pages that the disk never got.
func (h *History) view(what string, fn func(buckets) error) error {
	if err := h.Err(); err != nil {
		return err
	}
	err := guard(what, func() error {
		return h.bolt.View(func(tx *bbolt.Tx) error {
			b, err := bucketsOf(tx)
			if err != nil {
				return err
			}
			return fn(b)
		})
	})
	if over := h.Err(); errors.Is(over, ErrPoisoned) {
		return over
	}
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}
