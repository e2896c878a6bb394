package cluster

import (
	"sync"
	"time"
)

// brake makes what passes late. The zero value does not.
type brake struct {
	mu    sync.Mutex
	delay time.Duration // of every write
	rate  int           // bytes a second; 0 for as many as there are
}

func (b *brake) set(delay time.Duration, rate int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delay, b.rate = delay, rate
}

// cost is how long a write of so many bytes takes.
func (b *brake) cost(bytes int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate == 0 {
		return b.delay
	}
	return b.delay + time.Duration(bytes)*time.Second/time.Duration(b.rate)
}

// hold waits for the time that a write costs; false if ended is closed before.
func (b *brake) hold(bytes int, ended <-chan struct{}) bool {
	cost := b.cost(bytes)
	if cost == 0 {
		return true
	}
	timer := time.NewTimer(cost)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ended:
		return false
	}
}
