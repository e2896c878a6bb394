package coordinator

import (
	"maps"
	"slices"
	"sync"

	"github.com/lockstep-exec/lockstep/protocol"
)

// waiters hands answers to the clients that wait for them. It is safe for
// concurrent use.
type waiters struct {
	mu        sync.Mutex
	last      protocol.Waiter
	waiting   map[protocol.Waiter]chan<- protocol.Answer
	abandoned string // why nobody gets an answer any more
}

func newWaiters() *waiters { return &waiters{waiting: map[protocol.Waiter]chan<- protocol.Answer{}} }

// verdictUnknown is for clients alone: the machine never gives it.
const verdictUnknown protocol.Verdict = 0

// enter registers a client. The channel gets exactly one answer, unless the
// client leaves before.
func (w *waiters) enter() (protocol.Waiter, <-chan protocol.Answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	answers := make(chan protocol.Answer, 1)
	if w.abandoned != "" {
		answers <- protocol.Answer{Waiter: w.last, Verdict: verdictUnknown, Reason: w.abandoned}
		return w.last, answers
	}
	w.waiting[w.last] = answers
	return w.last, answers
}

// leave forgets a client that waits no longer.
func (w *waiters) leave(id protocol.Waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting, id)
}

// Answer implements Clients.
func (w *waiters) Answer(a protocol.Answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if answers, ok := w.waiting[a.Waiter]; ok {
		answers <- a
		delete(w.waiting, a.Waiter)
	}
}

// Abandon implements Clients.
func (w *waiters) Abandon(reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abandoned = reason
	for _, id := range slices.Sorted(maps.Keys(w.waiting)) {
		w.waiting[id] <- protocol.Answer{Waiter: id, Verdict: verdictUnknown, Reason: reason}
	}
	clear(w.waiting)
}
