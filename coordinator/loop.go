package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
)

const (
	inboxEvents = 4096
	// batchEvents is the most events that one force covers.
	batchEvents = 256
	// confirmInterval is how often a coordinator makes sure that it still owns the
	// log (C1).
	confirmInterval = time.Second
	// forgetInterval is how often a coordinator looks how far the history has come.
	forgetInterval = 200 * time.Millisecond
	// farewell bounds the wait for sessions to end when leadership is lost. They take a
	// second or two at most, unless the machine is starved; one that never ends is a
	// fault, and ends the process.
	farewell = 20 * time.Second
	// takeOver bounds the wait until another member leads before this one stops.
	takeOver = time.Second
	// hungPatience bounds the wait for what should end by itself when the disk hangs.
	hungPatience = time.Second
)

// Run decides whenever this member leads, until ctx ends, or until the log or the
// history fails; then the error wraps ErrStopped. Clients that wait then are told
// that the outcome is unknown.
//
// If the disk hangs Run returns although parts of the coordinator may wait for it
// for good: end the process after Close.
func (c *Coordinator) Run(ctx context.Context) error {
	defer c.end()
	ended := make(chan error, 1)
	go func() { ended <- c.decide(ctx) }()
	select {
	case err := <-ended:
		return c.orFailure(err)
	case <-c.replica.Hung():
	}
	c.sessions.CloseAll(fmt.Sprintf("this coordinator gives up: %v", c.replica.Err()))
	select {
	case err := <-ended:
		return c.orFailure(err)
	case <-time.After(hungPatience):
		return c.failure()
	}
}

// orFailure gives what has ended Run, or the failure that nobody lived to see.
func (c *Coordinator) orFailure(err error) error {
	if err == nil && c.replica.Err() != nil {
		return c.failure()
	}
	return err
}

// failure is the error of a coordinator whose replica has failed.
func (c *Coordinator) failure() error {
	return fmt.Errorf("%w: %w: restart it once the cause is mended", ErrStopped, c.replica.Err())
}

// decide is Run, and waits for the disk.
func (c *Coordinator) decide(ctx context.Context) error {
	if c.first != nil {
		if err := c.serve(ctx, c.first); err != nil || ctx.Err() != nil {
			return err
		}
	}
	for {
		lead, err := c.replica.Lead(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w: restart it once the cause is mended", ErrStopped, err)
		}
		in, err := c.begin(lead)
		if errors.Is(err, ErrFenced) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrStopped, err)
		}
		if err := c.serve(ctx, in); err != nil {
			return err
		}
	}
}

// begin begins an incarnation, and takes clients and shards in.
func (c *Coordinator) begin(lead *replica.Lead) (*incarnation, error) {
	in, err := c.newIncarnation(lead)
	if err != nil {
		return nil, err
	}
	c.lookAtSpace()
	c.now.Store(in)
	c.sessions.Accept()
	return in, nil
}

// serve runs an incarnation to its end.
func (c *Coordinator) serve(ctx context.Context, in *incarnation) error {
	err := in.run(ctx)
	reason := stopped
	if in.deposed.Load() {
		reason = c.whoLeads()
		c.logger.Info("leads no more", "epoch", in.core.Status().Epoch, "reason", reason)
	}
	c.sessions.CloseAll(reason)
	c.now.Store(nil)
	c.obstructed.Store(nil) // nobody looks any more
	// Nothing of this incarnation may reach the next one.
	quiet, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	return errors.Join(err, c.sessions.Shutdown(quiet, reason))
}

// handOver gives the leadership to another member before this one stops, and
// reports whether one has taken it.
func (c *Coordinator) handOver() bool {
	if leader, ok := c.replica.Leader(); ok && leader.Name != c.options.Name {
		return true
	}
	if len(c.replica.Members())-len(c.replica.Learners()) < 2 {
		return false
	}
	refused := c.replica.Transfer("")
	ctx, cancel := context.WithTimeout(context.Background(), takeOver)
	defer cancel()
	leader, err := c.replica.AwaitOther(ctx) // raft is impatient: another one may lead all the same
	if err != nil {
		c.logger.Warn("nobody has taken the leadership over yet, and this coordinator stops", "error", refused)
		return false
	}
	c.logger.Info("handed the leadership over", "member", leader.Name)
	return true
}
