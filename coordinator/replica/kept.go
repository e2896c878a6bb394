package replica

import (
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
)

// History is the history of a replica, which a snapshot of another one may
// replace. Before the cluster is made it is empty. It is safe for concurrent use.
type History struct {
	mu   sync.RWMutex
	open *history.History // nil while there is none
}

var errNoHistory = errors.New("there is no history yet")

func (h *History) now() *history.History {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.open
}

// ByHeight gives the decision for a height; ok is false if it has none.
func (h *History) ByHeight(at protocol.Height) (*protocol.Decision, bool, error) {
	if now := h.now(); now != nil {
		return now.ByHeight(at)
	}
	return nil, false, nil
}

// ByKey gives the decision for a block key, as history.History.ByKey does.
func (h *History) ByKey(key string) (*protocol.Decision, bool, error) {
	if now := h.now(); now != nil {
		return now.ByKey(key)
	}
	return nil, false, nil
}

// Height is the height of the highest decision, 0 before the first.
func (h *History) Height() protocol.Height {
	if now := h.now(); now != nil {
		return now.Height()
	}
	return 0
}

// Append implements Keeping.
func (h *History) Append(meta history.Meta, ds []*protocol.Decision) error {
	if now := h.now(); now != nil {
		return now.Append(meta, ds)
	}
	return errNoHistory
}

// Meta implements Keeping.
func (h *History) Meta() history.Meta {
	if now := h.now(); now != nil {
		return now.Meta()
	}
	return history.Meta{}
}

// Fsyncs counts how often the file was forced since it was opened.
func (h *History) Fsyncs() int64 {
	if now := h.now(); now != nil {
		return now.Fsyncs()
	}
	return 0
}

// Copy gives a copy of the history, as history.History.Copy does; an empty one if
// there is none.
func (h *History) Copy() (size int64, r io.ReadCloser, err error) {
	if now := h.now(); now != nil {
		return now.Copy()
	}
	return 0, io.NopCloser(strings.NewReader("")), nil
}

// set changes which history it is; the one before is the caller's.
func (h *History) set(next *history.History) (before *history.History) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, h.open = h.open, next
	return before
}
