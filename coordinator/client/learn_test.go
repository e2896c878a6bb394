package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/clustertest"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

func (c *Coordinator) addresses() (all []string) {
	for _, p := range c.peers {
		all = append(all, p.address)
	}
	return all
}

func made(t *testing.T, list string) *Coordinator {
	t.Helper()
	c, err := NewCoordinator(list)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestMembersAreRememberedAndForgotten(t *testing.T) {
	c := made(t, "c1:1,c2:1")
	leader := c.peers[0]
	for _, step := range []struct{ members, want []string }{
		{[]string{"c2:1", "c4:1"}, []string{"c1:1", "c2:1", "c4:1"}},
		{[]string{"c5:1", "c4:1"}, []string{"c1:1", "c2:1", "c4:1", "c5:1"}},
		{nil, []string{"c1:1", "c2:1", "c4:1", "c5:1"}}, // it does not say
		{[]string{"c5:1", "c1:1"}, []string{"c1:1", "c2:1", "c5:1"}},
		{[]string{"c5:1"}, []string{"c1:1", "c2:1"}}, // c1, by another address
	} {
		if c.remember(leader, 3, step.members); !slices.Equal(c.addresses(), step.want) {
			t.Errorf("after %v: %v, want %v", step.members, c.addresses(), step.want)
		}
	}
	var many []string
	for i := range 3 * wire.MaxCoordinators {
		many = append(many, fmt.Sprintf("m%d:1", i))
	}
	if c.remember(leader, 3, many); len(c.peers) != 2+mostFound {
		t.Errorf("%d are remembered", len(c.peers))
	}
}

// One that is called is let go when the call is over, and the preferred one stays.
func TestAForgottenCoordinatorEndsItsCalls(t *testing.T) {
	c := made(t, "c1:1")
	if !c.follow("c4:1") {
		t.Fatal("does not follow")
	}
	p, _ := c.reached(t.Context())
	c.remember(c.peers[0], 3, []string{"c1:1", "c5:1"})
	if !slices.Contains(c.peers, p) {
		t.Error("the preferred one was forgotten")
	}
	c.follow("c5:1")
	c.remember(c.peers[0], 3, []string{"c1:1", "c5:1"})
	if slices.Contains(c.peers, p) || p.conn.GetState() == connectivity.Shutdown {
		t.Errorf("known %v, and %v", c.addresses(), p.conn.GetState())
	}
	if c.leave(p); p.conn.GetState() != connectivity.Shutdown {
		t.Errorf("after the call it is %v", p.conn.GetState())
	}
}

// A read that waits at a silent leader goes to the one that leads by now.
func TestReadsLeaveASilentLeader(t *testing.T) {
	old, leader := clustertest.Start(t), clustertest.Start(t)
	old.Term, leader.Term = 3, 4
	c := made(t, old.Address+","+leader.Address)
	began := time.Now()
	by, err := read(t.Context(), c, func(ctx context.Context, p *peer) (string, error) {
		if p.address == old.Address {
			<-ctx.Done()
			return "", ctx.Err()
		}
		return p.address, nil
	})
	if took := time.Since(began); err != nil || by != leader.Address || took > 8*time.Second {
		t.Errorf("%q answers, %v after %v", by, err, took)
	}
}

// At the end of its time a read says why nobody could answer, not that the last one
// that was asked had no time left.
func TestReadsTellWhyNobodyAnswered(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	calls := 0
	_, err := ask(ctx, of(says()), func(ctx context.Context, _ *peer) (int, error) {
		if calls++; calls == 1 {
			return 0, wire.NotLeader("", "c1 does not lead")
		}
		<-ctx.Done()
		return 0, status.FromContextError(ctx.Err()).Err()
	})
	if err == nil || !strings.HasPrefix(err.Error(), "no coordinator leads for now, says the coordinator at a:1 (c1 does not lead)") || calls != 2 {
		t.Errorf("after %d calls: %v", calls, err)
	}
}

// What a member says goes before what one outside the cluster says.
func TestNoMemberIsNoLackOfALeader(t *testing.T) {
	outside := wire.NotMember("c1 was removed from the cluster: stop it")
	for name, c := range map[string]struct {
		first, second error
		want          string
	}{
		"alone":  {outside, outside, "the coordinator at a:1 takes no part in the cluster (c1 was removed from the cluster: stop it): give --coordinator those that do"},
		"first":  {outside, wire.NotLeader("", "c2 does not lead"), "no coordinator leads for now, says the coordinator at b:1 (c2 does not lead): see that a majority of them runs and can reach each other"},
		"second": {wire.NotLeader("", "c2 does not lead"), outside, "no coordinator leads for now, says the coordinator at a:1 (c2 does not lead): see that a majority of them runs and can reach each other"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := ask(ctx, of(says(), says()), func(_ context.Context, p *peer) (int, error) {
			if p.address == "a:1" {
				return 0, c.first
			}
			return 0, c.second
		})
		cancel()
		if err == nil || errors.Is(err, context.Canceled) || err.Error() != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
