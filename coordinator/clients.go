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
	waiting   map[protocol.Waiter]waiting
	abandoned string // why nobody gets an answer any more
}

// waiting is a client, and what to do when it waits no longer; nil for nothing.
type waiting struct {
	answers chan<- protocol.Answer
	done    func()
}

func (w waiting) end() {
	if w.done != nil {
		w.done()
	}
}

func newWaiters() *waiters { return &waiters{waiting: map[protocol.Waiter]waiting{}} }

// verdictUnknown is for clients alone: the machine never gives it.
const verdictUnknown protocol.Verdict = 0

// enter registers a client. The channel gets exactly one answer, unless the
// client leaves before. Either way done is called once, if it is not nil; it must
// not block.
func (w *waiters) enter(done func()) (protocol.Waiter, <-chan protocol.Answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	answers := make(chan protocol.Answer, 1)
	client := waiting{answers, done}
	if w.abandoned != "" {
		answers <- protocol.Answer{Waiter: w.last, Verdict: verdictUnknown, Reason: w.abandoned}
		client.end()
		return w.last, answers
	}
	w.waiting[w.last] = client
	return w.last, answers
}

// leave forgets a client that waits no longer. For one that was answered it does
// nothing.
func (w *waiters) leave(id protocol.Waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if client, ok := w.waiting[id]; ok {
		delete(w.waiting, id)
		client.end()
	}
}

// count is how many clients wait.
func (w *waiters) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting)
}

// Answer implements Clients.
func (w *waiters) Answer(a protocol.Answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if client, ok := w.waiting[a.Waiter]; ok {
		client.answers <- a
		delete(w.waiting, a.Waiter)
		client.end()
	}
}

// Abandon implements Clients.
func (w *waiters) Abandon(reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abandoned = reason
	for _, id := range slices.Sorted(maps.Keys(w.waiting)) {
		w.waiting[id].answers <- protocol.Answer{Waiter: id, Verdict: verdictUnknown, Reason: reason}
		w.waiting[id].end()
	}
	clear(w.waiting)
}
