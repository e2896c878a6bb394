package raftlog

import (
	"fmt"
	"sync"
)

// poison remembers the first failure of a store, which stops it for good. It
// is safe for concurrent use.
type poison struct {
	mu     sync.Mutex
	err    error
	failed chan struct{} // closed with the first failure
}

func newPoison() poison { return poison{failed: make(chan struct{})} }

// fail keeps the failure if it is the first, and returns the one that counts.
func (p *poison) fail(doing string, cause error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = fmt.Errorf("%w: %s: %w", ErrPoisoned, doing, cause)
		close(p.failed)
	}
	return p.err
}

func (p *poison) get() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
