package coordinator

import (
	"context"
	"fmt"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// retryAfter is what a client that is turned away is told to wait.
const retryAfter = 100 * time.Millisecond

// hold takes room for the bytes of a call for as long as it waits, so that
// memory is bounded by the queue and not by the number of clients. A block that
// is larger than all the room there is takes all of it.
func (c *Coordinator) hold(bytes int) (release func(), err error) {
	weight := min(int64(bytes), c.callBytes)
	if !c.calls.TryAcquire(weight) {
		return nil, wire.RetryLater(codes.ResourceExhausted, retryAfter,
			fmt.Sprintf("blocks of %d MiB are waiting already: try again later", c.callBytes>>20))
	}
	return func() { c.calls.Release(weight) }, nil
}

// submit brings a block to the machine and waits for what becomes of it. If
// ctx ends first, the block goes on until its own deadline, and the outcome is
// unknown to the client.
func (in *incarnation) submit(ctx context.Context, ev protocol.Submitted) (protocol.Answer, error) {
	for {
		ready, d, err := in.look(ev)
		if err != nil {
			return protocol.Answer{}, err
		}
		if d != nil {
			return decided(ev.Block, d), nil
		}
		a, err := in.enter(ctx, ready)
		if err != nil || a.Verdict != protocol.VerdictRecheck {
			return a, err
		}
	}
}

// look is Core.Look, and turns the block away if nothing new is taken up.
func (in *incarnation) look(ev protocol.Submitted) (protocol.Submitted, *protocol.Decision, error) {
	ready, d, err := in.core.Look(ev)
	if err != nil {
		return ev, nil, status.Errorf(codes.DataLoss, "look the block key up: %v", err)
	}
	if d != nil {
		return ev, d, nil
	}
	return ready, nil, in.room()
}

// decided answers for a block key that has a decision.
func decided(b *protocol.Block, d *protocol.Decision) protocol.Answer {
	if d.Block != b.ID {
		return protocol.Answer{Verdict: protocol.VerdictConflict,
			Reason: fmt.Sprintf("block key %q belongs to a block with other content: give the new block a key of its own", b.Key)}
	}
	return protocol.Answer{Verdict: protocol.VerdictCommitted, Decision: d}
}

func (in *incarnation) enter(ctx context.Context, ev protocol.Submitted) (protocol.Answer, error) {
	waiter, answers := in.waiters.enter(nil)
	defer in.waiters.leave(waiter)
	ev.Waiter = waiter
	in.post(ev) // if the loop has ended, the waiters are abandoned, or will be at once
	select {
	case a := <-answers:
		return a, in.knownElsewhere(a)
	case <-ctx.Done():
		return protocol.Answer{}, status.FromContextError(ctx.Err()).Err()
	}
}

// knownElsewhere is the error that sends a client to another coordinator, which
// knows what became of a block or finds out; nil if the answer is for the client.
func (in *incarnation) knownElsewhere(a protocol.Answer) error {
	if a.Verdict == verdictUnknown && (in.deposed.Load() || in.core.Status().Fenced) {
		return in.coordinator.redirect()
	}
	return nil
}

// refusal gives the error for a verdict that is no decision; nil for one that is.
func refusal(a protocol.Answer) error {
	switch a.Verdict {
	case protocol.VerdictConflict:
		return status.Error(codes.AlreadyExists, a.Reason)
	case protocol.VerdictOverloaded:
		return wire.RetryLater(codes.ResourceExhausted, retryAfter, a.Reason)
	case protocol.VerdictRecheck:
		return wire.RetryLater(codes.Unavailable, retryAfter, a.Reason+": submit the block again")
	case protocol.VerdictEarly:
		return status.Error(codes.FailedPrecondition, a.Reason)
	}
	return nil
}
