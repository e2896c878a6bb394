package executor

import (
	"slices"
	"sync"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Outbox holds what was pushed to one peer for attempts that are not released
// yet. A link sends it from the front; after a reconnect it begins again, so
// what was lost on the way comes once more. Its size is bounded by what the
// attempts in the window read. It is safe for concurrent use.
type Outbox struct {
	mu      sync.Mutex
	entries []OutboxEntry // ascending by number
	last    uint64
	// changed is closed and replaced at every add: while the peer moves to
	// another address, the old link and the new one wait side by side, and
	// neither may take the other's wake-up.
	changed chan struct{}
}

// OutboxEntry is one push.
type OutboxEntry struct {
	Number  uint64 // ascending, from 1
	Attempt protocol.AttemptID
	Values  []byte
}

// NewOutbox makes an empty outbox.
func NewOutbox() *Outbox { return &Outbox{changed: make(chan struct{})} }

// Add appends a push. The values are kept, not copied.
func (o *Outbox) Add(a protocol.AttemptID, values []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	o.entries = append(o.entries, OutboxEntry{Number: o.last, Attempt: a, Values: values})
	close(o.changed)
	o.changed = make(chan struct{})
}

// Release forgets the attempts that keep reports false for.
func (o *Outbox) Release(keep func(protocol.AttemptID) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.entries = slices.DeleteFunc(o.entries, func(e OutboxEntry) bool { return !keep(e.Attempt) })
}

// After gives the first entry with a number above n. If there is none, it
// gives a channel that is closed when there may be one.
func (o *Outbox) After(n uint64) (e OutboxEntry, ok bool, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at, _ := slices.BinarySearchFunc(o.entries, n+1, func(e OutboxEntry, n uint64) int {
		switch {
		case e.Number < n:
			return -1
		case e.Number > n:
			return 1
		}
		return 0
	})
	if at == len(o.entries) {
		return OutboxEntry{}, false, o.changed
	}
	return o.entries[at], true, nil
}

// Bytes is what the outbox holds.
func (o *Outbox) Bytes() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.entries {
		n += len(e.Values)
	}
	return n
}
