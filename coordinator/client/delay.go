package client

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstDelay = 100 * time.Millisecond
	mostDelay  = 2 * time.Second
	// mostLeaderDelay is the most to wait while coordinators answer, of which none
	// leads yet.
	mostLeaderDelay = 500 * time.Millisecond
)

// delays gives growing pauses between tries, spread at random so that many
// clients do not come back at the same moment. The zero value is ready.
type delays struct{ ceiling time.Duration }

func (d *delays) next(most time.Duration) time.Duration {
	d.ceiling = min(max(2*d.ceiling, firstDelay), most)
	return d.ceiling/2 + rand.N(d.ceiling/2)
}

// pause says why, if anybody wants to know, and waits. It gives the error of a
// context that ends before.
func pause(ctx context.Context, wait time.Duration, tell Retrying, why error) error {
	if tell != nil {
		tell(why, wait)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
