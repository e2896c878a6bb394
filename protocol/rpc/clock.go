package rpc

import "time"

// Clock tells the time. Tests put their own in its place.
type Clock interface {
	Now() time.Time
	// NewTimer gives a channel that gets the time once, after d, unless stop
	// is called before.
	NewTimer(d time.Duration) (fires <-chan time.Time, stop func() bool)
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) NewTimer(d time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(d)
	return t.C, t.Stop
}
