package coordinator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

const (
	inboxEvents = 4096
	// batchEvents is the most events that one force covers.
	batchEvents = 256
	// confirmInterval is how often an idle coordinator makes sure that it
	// still owns its log (C1).
	confirmInterval = time.Second
	keepInterval    = 200 * time.Millisecond // how often new decisions go to the history
)

// Run works until ctx ends, or until the log or the history fails; then the
// error wraps ErrStopped. Clients that wait are told that the outcome is
// unknown.
func (c *Coordinator) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	var group sync.WaitGroup
	group.Go(func() { failed <- c.keep(ctx) })
	group.Go(func() { c.batcher.run(ctx) })
	err := c.loop(ctx, failed)
	c.end("the coordinator was stopped before the block was decided")
	cancel()
	group.Wait()
	return err
}

func (c *Coordinator) end(reason string) {
	c.once.Do(func() { close(c.ended) })
	c.waiters.Abandon(reason)
	c.sessions.CloseAll(reason)
}

// keep moves decisions into the history until ctx ends, or until the history or
// the log fails.
func (c *Coordinator) keep(ctx context.Context) error {
	tick := time.NewTicker(keepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := c.core.Keep(); err != nil {
			return err
		}
	}
}

// loop owns the core's Handle.
func (c *Coordinator) loop(ctx context.Context, failed <-chan error) error {
	tick := time.NewTicker(protocol.TickInterval)
	defer tick.Stop()
	confirm := time.NewTicker(confirmInterval)
	defer confirm.Stop()
	c.lookAtSpace()
	if err := c.core.Handle(protocol.Tick{Now: time.Now()}); err != nil {
		return err
	}
	for {
		var events []protocol.Event
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			if err != nil {
				return fmt.Errorf("%w: %w: restart it once the cause is mended", ErrStopped, err)
			}
			failed = nil
			continue
		case now := <-tick.C:
			events = append(events, protocol.Tick{Now: now})
		case <-confirm.C:
			c.lookAtSpace()
			if err := c.core.Confirm(); err != nil {
				return err
			}
		case ev := <-c.inbox:
			events = c.drain(ev)
		}
		if err := c.core.Handle(events...); err != nil {
			return err
		}
		if why := c.core.Status().Ended; why != "" {
			c.sessions.CloseAll(why)
		}
	}
}

// drain takes the events that wait, so that one force serves them all.
func (c *Coordinator) drain(first protocol.Event) []protocol.Event {
	events := []protocol.Event{first}
	for len(events) < batchEvents {
		select {
		case ev := <-c.inbox:
			events = append(events, ev)
		default:
			return events
		}
	}
	return events
}
