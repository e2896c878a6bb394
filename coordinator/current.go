package coordinator

import (
	"context"
	"sync"

	"google.golang.org/grpc/status"
)

// currency makes sure for those who ask for the newest state that this incarnation
// knows it: a member whose process stood still takes itself for the leader for a
// moment, though another one has decided. A majority is asked, once for all who came
// before. It is safe for concurrent use.
type currency struct {
	ask func() error // whether nobody else had decided anything before the call

	mu     sync.Mutex
	next   *asked // not begun; nil if nobody waits for it
	asking bool
}

// asked is one time that a majority is asked.
type asked struct {
	done chan struct{}
	err  error // set before done is closed
}

// join gives the next time that begins.
func (c *currency) join() *asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = &asked{done: make(chan struct{})}
	}
	if !c.asking {
		c.asking = true
		go c.run() // until nobody waits
	}
	return c.next
}

func (c *currency) run() {
	for {
		c.mu.Lock()
		now := c.next
		c.next, c.asking = nil, now != nil
		c.mu.Unlock()
		if now == nil {
			return
		}
		now.err = c.ask()
		close(now.done)
	}
}

// current returns once this incarnation is known to have had the newest decision when
// it was called; the error sends the client to another coordinator, or is that of ctx.
func (in *incarnation) current(ctx context.Context) error {
	now := in.currency.join()
	select {
	case <-now.done:
		if now.err == nil {
			return nil
		}
	case <-in.ended:
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
	return in.coordinator.redirect()
}
