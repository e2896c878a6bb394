package rpc

import "time"

// backoff spaces out attempts: exponentially, with full jitter ("Exponential
// Backoff and Jitter", AWS Architecture Blog, 2015), so that many shards that
// lost one coordinator do not come back in step.
type backoff struct {
	first, most time.Duration
	random      func() float64 // in [0, 1)
}

// after gives the wait after n waits in vain: any time up to first*2^n, and up
// to most.
func (b backoff) after(n int) time.Duration {
	ceiling := b.most
	if n < 30 && b.first<<n < b.most {
		ceiling = b.first << n
	}
	return time.Duration(b.random() * float64(ceiling))
}
