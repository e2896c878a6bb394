package serve

import (
	"sync/atomic"
	"time"
)

// Pulse tells whether the loop of a daemon goes on: for how long it has been busy
// with one step. One that waits for something to do is not busy. The loop calls
// Begin and End; Busy is safe for concurrent use.
type Pulse struct{ since atomic.Pointer[time.Time] } // of the step; nil between steps

// Begin says that a step begins.
func (p *Pulse) Begin() {
	now := time.Now()
	p.since.Store(&now)
}

// End says that it is done.
func (p *Pulse) End() { p.since.Store(nil) }

// Busy is how long the step under way has taken so far, by the monotonic clock; 0
// if none is.
func (p *Pulse) Busy() time.Duration {
	if since := p.since.Load(); since != nil {
		return time.Since(*since)
	}
	return 0
}
