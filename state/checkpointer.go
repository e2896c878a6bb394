package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Hooks are what a Checkpointer needs of its owner. They are called one at a
// time, from the goroutine that calls Run, Step or FlushAll, and must not call
// these themselves. Prepare is required.
type Hooks struct {
	// Prepare is called before each checkpoint. It forces the log at least as
	// far as the commit of upTo and gives what the checkpoint is to record
	// (rule S7). If it fails, nothing is written and the Checkpointer ends; an
	// error that wraps ErrPutOff only has it ask again after Policy.RetryAfter.
	Prepare func(ctx context.Context, upTo protocol.Height) (LogPosition, protocol.Config, protocol.Epoch, error)
	// Done is called after each checkpoint, which is durable: the log may be
	// trimmed.
	Done func(Checkpoint)
	// PutOff is called when a checkpoint must wait for disk space (ErrNoSpace).
	PutOff func(error)
	// Failed is called when Prepare or a checkpoint failed for good, which ends
	// Run. After a failed checkpoint the store is poisoned.
	Failed func(error)
}

// Checkpointer moves committed heights from memory into the database, in the
// background and many at a time. Run does it by the clock; Step does what is
// due now, for a caller that has its own loop.
type Checkpointer struct {
	store  *Store
	clock  Clock
	policy Policy
	hooks  Hooks

	mu      sync.Mutex // one step at a time
	last    time.Time  // when the last checkpoint began
	retryAt time.Time  // no attempt before this
}

// NewCheckpointer makes the Checkpointer of a store; there must be one only.
// It uses the clock of the store.
func NewCheckpointer(s *Store, policy Policy, hooks Hooks) *Checkpointer {
	return &Checkpointer{store: s, clock: s.clock, policy: policy.withDefaults(), hooks: hooks, last: s.clock.Now()}
}

// Run checkpoints until ctx ends, whose error it then gives, or until a
// checkpoint fails for good. It does not checkpoint what is pending at the
// end; FlushAll does.
func (c *Checkpointer) Run(ctx context.Context) error {
	for {
		wait, err := c.Step(ctx)
		if err != nil {
			return err
		}
		if wait <= 0 {
			continue
		}
		var timer <-chan time.Time
		if wait != untilChanged {
			timer = c.clock.After(wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer:
		case <-c.store.changed:
		}
	}
}

// Step forgets what open views held in memory, writes at most one checkpoint,
// if one is due, and says how long nothing else will be due unless the store
// changes.
func (c *Checkpointer) Step(ctx context.Context) (wait time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	c.store.release()
	now := c.clock.Now()
	if now.Before(c.retryAt) {
		return c.retryAt.Sub(now), nil
	}
	batch, wait := c.policy.plan(now, c.last, c.store.pending())
	if len(batch) == 0 {
		return wait, nil
	}
	if err := c.flush(ctx, batch[len(batch)-1].height); !isPutOff(err) {
		return 0, err
	}
	return c.policy.RetryAfter, nil
}

// FlushAll checkpoints up to the height that is committed when it is called,
// held back or not: for an orderly stop, which makes the next start short. It
// writes at least the record, even if no height is pending.
func (c *Checkpointer) FlushAll(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	top := c.store.CommittedHeight()
	for {
		upTo := top
		if batch := c.policy.limit(c.store.pending()); len(batch) > 0 {
			upTo = min(upTo, batch[len(batch)-1].height)
		}
		if err := c.flush(ctx, upTo); err != nil {
			return fmt.Errorf("checkpoint everything: %w", err)
		}
		if upTo == top {
			return nil
		}
	}
}

// flush writes one checkpoint, with the hooks round it. The next attempt after
// one that was put off has to wait.
func (c *Checkpointer) flush(ctx context.Context, upTo protocol.Height) error {
	c.last = c.clock.Now()
	err := c.prepareAndFlush(ctx, upTo)
	switch {
	case err == nil:
		call(c.hooks.Done, c.store.Checkpoint())
	case isPutOff(err):
		c.retryAt = c.last.Add(c.policy.RetryAfter)
		if errors.Is(err, ErrNoSpace) {
			call(c.hooks.PutOff, err)
		}
	case ctx.Err() != nil && errors.Is(err, ctx.Err()) && !errors.Is(err, ErrPoisoned):
		return ctx.Err()
	default:
		call(c.hooks.Failed, err)
	}
	return err
}

// isPutOff reports whether a checkpoint that failed so may be tried again.
func isPutOff(err error) bool { return errors.Is(err, ErrNoSpace) || errors.Is(err, ErrPutOff) }

func (c *Checkpointer) prepareAndFlush(ctx context.Context, upTo protocol.Height) error {
	pos, cfg, epoch, err := c.hooks.Prepare(ctx, upTo)
	if err != nil {
		return fmt.Errorf("prepare checkpoint of height %d: %w", upTo, err)
	}
	return c.store.Flush(ctx, upTo, pos, cfg, epoch)
}

func call[T any](hook func(T), arg T) {
	if hook != nil {
		hook(arg)
	}
}
