package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/clustertest"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// submission is one block that may take a minute.
func submission(key string) client.Submission {
	for s := range feed(time.Minute, key) {
		return s
	}
	return client.Submission{}
}

// silentLeader is a leader that commits some blocks and then says nothing, and the
// one that leads by now, which has its blocks.
func silentLeader(t *testing.T, commits int) (old, leader *clustertest.Server) {
	old, leader = clustertest.Start(t), clustertest.Start(t)
	old.Term, leader.Term = 3, 4
	for range commits {
		old.Steps = append(old.Steps, clustertest.Commit)
	}
	old.Rest, leader.Rest = clustertest.Hang, at(old, clustertest.Commit)
	return old, leader
}

// mostSilent is what a test allows for what takes a second and a bit.
const mostSilent = 8 * time.Second

func TestSubmitLeavesASilentLeader(t *testing.T) {
	old, leader := silentLeader(t, 0)
	began := time.Now()
	answer, err := dial(t, old.Address+","+leader.Address).Submit(t.Context(), submission("b-1"))
	if err != nil || answer.Decision != client.Committed || time.Since(began) > mostSilent {
		t.Errorf("%+v, %v after %v", answer, err, time.Since(began))
	}
	if old.Calls() != 1 || leader.Calls() != 1 {
		t.Errorf("%d and %d calls", old.Calls(), leader.Calls())
	}
}

// On a stream all that is not answered goes to the one that leads, in order, and
// nothing is committed twice.
func TestInOrderLeavesASilentLeader(t *testing.T) {
	old, leader := silentLeader(t, 5)
	began := time.Now()
	all := inOrder(t, dial(t, old.Address+","+leader.Address), feed(time.Minute, numbered(20)...))
	wantCommitted(t, old, all, numbered(20)...)
	if took := time.Since(began); took > mostSilent || leader.Calls() != 15 {
		t.Errorf("%d calls to the new leader, after %v", leader.Calls(), took)
	}
}

// A leader that takes its time is waited for, as long as the others say that it
// leads, or know nothing newer.
func TestSubmitWaitsForASlowLeader(t *testing.T) {
	for name, other := range map[string]func(slow, other *clustertest.Server){
		"the others say that it leads":   func(slow, other *clustertest.Server) { other.Leader = slow.Address },
		"the others are behind":          func(_, other *clustertest.Server) { other.Term = 2 },
		"the others are of no term":      func(_, other *clustertest.Server) { other.Term = 0 },
		"the others know it by a name":   func(_, other *clustertest.Server) { other.Leader = "c1.example:7400" },
		"the others are not to be asked": func(_, other *clustertest.Server) { other.Address = "127.0.0.1:1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow, follower := clustertest.Start(t), clustertest.Start(t)
			slow.Term, follower.Term = 3, 3
			other(slow, follower)
			slow.Rest = func(ctx context.Context, s *clustertest.Server, in *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
				select {
				case <-time.After(2500 * time.Millisecond):
				case <-ctx.Done():
					t.Error("the call was given up")
				}
				return clustertest.Commit(ctx, s, in)
			}
			answer, err := dial(t, slow.Address+","+follower.Address).Submit(t.Context(), submission("b-1"))
			if err != nil || answer.Decision != client.Committed || slow.Calls() != 1 || follower.Calls() != 0 {
				t.Errorf("%+v, %v, calls %d and %d", answer, err, slow.Calls(), follower.Calls())
			}
		})
	}
}

// A stream on which nothing waits is not silent.
func TestInOrderAnIdleStreamStays(t *testing.T) {
	old, leader := silentLeader(t, 2)
	blocks := make(chan client.Submission)
	go func() {
		defer close(blocks)
		blocks <- submission("b-0")
		time.Sleep(2500 * time.Millisecond) // twice what would be silence
		blocks <- submission("b-1")
	}()
	all := inOrder(t, dial(t, old.Address+","+leader.Address), blocks)
	wantCommitted(t, old, all, "b-0", "b-1")
	if old.Calls() != 2 || leader.Calls() != 0 {
		t.Errorf("%d and %d calls", old.Calls(), leader.Calls())
	}
}

// All coordinators of a client's list may be replaced: it learns of the others from
// the one that leads.
func TestAClientLearnsOfCoordinators(t *testing.T) {
	given, other := clustertest.Start(t), clustertest.Start(t)
	given.Coordinators = []string{given.Address, other.Address}
	given.Steps, given.Rest = []clustertest.Step{clustertest.Commit}, clustertest.Cut
	other.Rest = at(given, clustertest.Commit)
	c := dial(t, given.Address)
	for _, key := range []string{"b-0", "b-1"} {
		if answer, err := c.Submit(t.Context(), submission(key)); err != nil || answer.Decision != client.Committed {
			t.Errorf("%s: %+v, %v", key, answer, err)
		}
	}
	if other.Calls() != 1 {
		t.Errorf("%d calls to the one that was learned", other.Calls())
	}
}
