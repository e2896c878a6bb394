package executor

import (
	"slices"
	"sync"

	"github.com/lockstep-exec/lockstep/protocol"
)

// outbox holds what was pushed to one peer for attempts that are not released
// yet. A link sends it from the front; after a reconnect it begins again, so
// what was lost on the way comes once more. Its size is bounded by what the
// attempts in the window read.
type outbox struct {
	mu      sync.Mutex
	entries []outEntry // ascending by number
	last    uint64
	// changed is closed and replaced at every add: while the peer moves to
	// another address, the old link and the new one wait side by side, and
	// neither may take the other's wake-up.
	changed chan struct{}
}

type outEntry struct {
	number  uint64
	attempt protocol.AttemptID
	values  []byte
}

func newOutbox() *outbox { return &outbox{changed: make(chan struct{})} }

func (o *outbox) add(a protocol.AttemptID, values []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	o.entries = append(o.entries, outEntry{number: o.last, attempt: a, values: values})
	close(o.changed)
	o.changed = make(chan struct{})
}

// release forgets the attempts that keep reports false for.
func (o *outbox) release(keep func(protocol.AttemptID) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.entries = slices.DeleteFunc(o.entries, func(e outEntry) bool { return !keep(e.attempt) })
}

// after gives the first entry with a number above n. If there is none, it
// gives a channel that is closed when there may be one.
func (o *outbox) after(n uint64) (e outEntry, ok bool, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at, _ := slices.BinarySearchFunc(o.entries, n+1, func(e outEntry, n uint64) int {
		switch {
		case e.number < n:
			return -1
		case e.number > n:
			return 1
		}
		return 0
	})
	if at == len(o.entries) {
		return outEntry{}, false, o.changed
	}
	return o.entries[at], true, nil
}

// bytes is what the outbox holds.
func (o *outbox) bytes() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.entries {
		n += len(e.values)
	}
	return n
}
