package state

import "time"

// Clock is the time as the Store and the Checkpointer see it; tests and the
// simulator drive their own. It must be safe for concurrent use.
type Clock interface {
	Now() time.Time
	// After gives a channel on which one value arrives after d.
	After(d time.Duration) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// SystemClock is the clock of the machine.
func SystemClock() Clock { return systemClock{} }
