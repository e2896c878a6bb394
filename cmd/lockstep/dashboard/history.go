package dashboard

import (
	"sync"
	"time"
)

// A dashboard remembers a sample of every second for 15 minutes, and one of every
// ten seconds for six hours.
const (
	fineSamples   = 15 * 60
	coarseEvery   = 10 // seconds
	coarseSamples = 6 * 60 * 60 / coarseEvery
	lookEvery     = time.Second
)

// ring keeps the newest of what is added.
type ring struct {
	samples []sample
	next    int // where the next one goes, once it is full
}

func (r *ring) add(s sample, most int) {
	if len(r.samples) < most {
		r.samples = append(r.samples, s)
		return
	}
	r.samples[r.next] = s
	r.next = (r.next + 1) % most
}

// list copies the samples, the oldest first.
func (r *ring) list() []sample {
	out := make([]sample, 0, len(r.samples))
	out = append(out, r.samples[r.next:]...)
	return append(out, r.samples[:r.next]...)
}

// history is the samples of one dashboard. It is safe for concurrent use.
type history struct {
	mu           sync.Mutex
	fine, coarse ring
	last         mark // of the fine sample before
	lastCoarse   mark
	looks        int
}

// add makes a sample of what happened since the last mark.
func (h *history) add(now mark) sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.looks == 0 {
		h.last, h.lastCoarse = now, now
	}
	s := between(h.last, now)
	h.fine.add(s, fineSamples)
	h.last = now
	if h.looks++; h.looks%coarseEvery == 0 {
		h.coarse.add(between(h.lastCoarse, now), coarseSamples)
		h.lastCoarse = now
	}
	return s
}

// list gives the samples of every so many seconds: 1 or 10.
func (h *history) list(every int) []sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	if every == coarseEvery {
		return h.coarse.list()
	}
	return h.fine.list()
}
