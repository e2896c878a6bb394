package client_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/clustertest"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// at takes a step at another coordinator of the same cluster.
func at(other *clustertest.Server, step clustertest.Step) clustertest.Step {
	return func(ctx context.Context, _ *clustertest.Server, in *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
		return step(ctx, other, in)
	}
}

// noted notes the blocks that a coordinator gets, and what they come after.
type noted struct {
	mu   sync.Mutex
	keys []string
	what []string
}

func (n *noted) note(step clustertest.Step) clustertest.Step {
	return func(ctx context.Context, s *clustertest.Server, in *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
		n.mu.Lock()
		n.keys, n.what = append(n.keys, in.GetKey()), append(n.what, in.GetAfter())
		n.mu.Unlock()
		return step(ctx, s, in)
	}
}

// TestInOrderFollowsToTheLeader, wherever it is, and without a pause.
func TestInOrderFollowsToTheLeader(t *testing.T) {
	leader, follower := clustertest.Start(t), clustertest.Start(t)
	follower.Leader = leader.Address
	blocks, told := feed(time.Minute, numbered(20)...), 0
	quiet := make(chan client.Submission)
	go func() {
		defer close(quiet)
		for b := range blocks {
			b.Retrying = func(error, time.Duration) { told++ }
			quiet <- b
		}
	}()
	all := inOrder(t, dial(t, follower.Address), quiet)
	wantCommitted(t, leader, all, numbered(20)...)
	if told != 0 {
		t.Errorf("waited %d times", told)
	}
	if n := leader.Calls(); n != 20 {
		t.Errorf("the leader got %d blocks", n)
	}
}

// TestInOrderThroughAChangeOfLeader: what was answered before is not sent again,
// what was not is, though it may be committed, and the order stays.
func TestInOrderThroughAChangeOfLeader(t *testing.T) {
	for name, says := range map[string]func(next *clustertest.Server) clustertest.Step{
		"it names the next": func(next *clustertest.Server) clustertest.Step { return clustertest.Redirect(next.Address) },
		"it names none":     func(*clustertest.Server) clustertest.Step { return clustertest.Redirect("") },
		"it is gone":        func(*clustertest.Server) clustertest.Step { return clustertest.Cut },
		"it does not know": func(*clustertest.Server) clustertest.Step {
			return clustertest.Decide(wirepb.Decision_DECISION_UNKNOWN, "stepped down")
		},
		"it decides no more": func(*clustertest.Server) clustertest.Step {
			return clustertest.Fail(codes.Aborted, "a higher epoch exists")
		},
		"it does so and ends": func(next *clustertest.Server) clustertest.Step { return at(next, clustertest.CommitAndCut) },
	} {
		t.Run(name, func(t *testing.T) {
			first, next := clustertest.Start(t), clustertest.Start(t)
			first.Steps = []clustertest.Step{at(next, clustertest.Commit), at(next, clustertest.Commit), says(next)}
			first.Rest = clustertest.Redirect(next.Address)
			var got noted
			next.Rest = got.note(clustertest.Commit)
			all := inOrder(t, dial(t, first.Address+","+next.Address), feed(time.Minute, numbered(12)...))
			wantCommitted(t, next, all, numbered(12)...)
			resumed := 12 - len(got.keys) // what a cut takes may be answers too
			if resumed < 0 || resumed > 2 || !slices.Equal(got.keys, numbered(12)[resumed:]) {
				t.Fatalf("the next gets %q", got.keys)
			}
			after := make([]string, len(got.keys))
			if resumed > 0 {
				after[0] = numbered(12)[resumed-1]
			}
			if !slices.Equal(got.what, after) {
				t.Errorf("they come after %q, want %q", got.what, after)
			}
		})
	}
}

// TestInOrderWaitsForALeader: while coordinators answer, of which none leads, it
// comes back soon, and says why.
func TestInOrderWaitsForALeader(t *testing.T) {
	s := clustertest.Start(t)
	s.Steps = slices.Repeat([]clustertest.Step{clustertest.Redirect("")}, 5)
	var told []string
	blocks := make(chan client.Submission, 1)
	for b := range feed(time.Minute, "block0") {
		b.Retrying = func(why error, wait time.Duration) {
			if told = append(told, why.Error()); wait < 100*time.Millisecond || wait > 500*time.Millisecond {
				t.Errorf("waits %s", wait)
			}
		}
		blocks <- b
	}
	close(blocks)
	wantCommitted(t, s, inOrder(t, dial(t, s.Address), blocks), "block0")
	if len(told) != 5 || !strings.HasPrefix(told[0], "no coordinator leads for now, says the coordinator at "+s.Address) {
		t.Errorf("told %q", told)
	}
}

// TestInOrderDoesNotSpin between two that send it to each other.
func TestInOrderDoesNotSpin(t *testing.T) {
	a, b := clustertest.Start(t), clustertest.Start(t)
	a.Leader, b.Leader = b.Address, a.Address
	all := inOrder(t, dial(t, a.Address), feed(2*time.Second, numbered(3)...))
	if len(all) != 1 || all[0].Answer.Decision != client.Unknown || !strings.Contains(all[0].Answer.Reason, "does not lead, and sends to") {
		t.Errorf("got %+v", all)
	}
	if n := a.Calls() + b.Calls(); n < 6 || n > 150 {
		t.Errorf("%d blocks were sent in 2 s", n)
	}
}

// TestInOrderRefusedAfterALeaderWasLostIsUnknown: the first may have taken the
// block up.
func TestInOrderRefusedAfterALeaderWasLostIsUnknown(t *testing.T) {
	s := clustertest.Start(t)
	s.Steps = []clustertest.Step{clustertest.Commit, clustertest.Redirect("")}
	s.Rest = clustertest.Fail(codes.FailedPrecondition, "quarantined")
	all := inOrder(t, dial(t, s.Address), feed(time.Minute, numbered(3)...))
	if len(all) != 2 || all[1].Err != nil || all[1].Answer.Decision != client.Unknown || !strings.Contains(all[1].Answer.Reason, "quarantined") {
		t.Errorf("got %+v", all)
	}
}
