package rpc_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// oracle says who leads, as it is told; before, it is of a release that knows one
// coordinator only.
type oracle struct {
	wirepb.UnimplementedClusterServiceServer

	mu     sync.Mutex
	answer *wirepb.HereResponse
	asked  int
}

func (o *oracle) Here(context.Context, *wirepb.HereRequest) (*wirepb.HereResponse, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	if o.answer == nil {
		return nil, status.Error(codes.Unimplemented, "unknown method")
	}
	return o.answer, nil
}

// says has it name a leader in a term, and the members.
func (o *oracle) says(term uint64, leads bool, leader string, members ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	self := &wirepb.CoordinatorStatus{Term: term, Role: wirepb.CoordinatorRole_COORDINATOR_ROLE_FOLLOWER}
	if leads {
		self.Role = wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER
	}
	o.answer = &wirepb.HereResponse{Self: self, LeaderAddress: leader, Coordinators: members}
}

// await waits until it was asked so often.
func (o *oracle) await(t *testing.T, asked int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		o.mu.Lock()
		n := o.asked
		o.mu.Unlock()
		if n >= asked {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("asked %d times, want %d", n, asked)
		}
		time.Sleep(time.Millisecond)
	}
}

// brisk has a coordinator send heartbeats all the time, and be patient itself.
func brisk(o *rpc.SessionServerOptions) {
	o.Heartbeat, o.Silence = 20*time.Millisecond, patience
}

// among has a shard choose from several coordinators.
func among(silence time.Duration, addresses ...string) clientOption {
	return func(o *rpc.SessionClientOptions) {
		o.Coordinators, o.SilenceAmong, o.Silence = addresses, silence, patience
	}
}

// A leader that keeps its connections and says nothing is left as soon as another
// coordinator knows that it leads no more.
func TestAShardLeavesASilentLeaderThatHasASuccessor(t *testing.T) {
	first, second := startCoordinator(t, brisk), startCoordinator(t, brisk)
	p := startProxy(t, first.address)
	first.standing.says(3, true, p.address())
	second.standing.says(3, false, p.address())
	s := startShard(t, "", among(4*time.Second, p.address(), second.address))
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	first.standing.await(t, 1)
	second.standing.says(4, true, second.address)
	p.cut()
	closed := s.awaitKind("closed", 1)
	if leader, moved := wire.Leader(closed.reason); !moved || leader != second.address {
		t.Errorf("the session ended with %v", closed.reason)
	}
	awaitMessage[*protocol.Welcome](s.recorder, 2)
	awaitMessage[*protocol.Hello](second.recorder, 1)
}

// One that the others still take for the leader is given up later, when nothing was
// heard of it for too long, and then another is dialled.
func TestAShardIsPatientWithASilentLeader(t *testing.T) {
	first, second := startCoordinator(t, brisk), startCoordinator(t, brisk)
	p := startProxy(t, first.address)
	first.standing.says(3, true, p.address())
	second.standing.says(3, false, p.address())
	s := startShard(t, "", among(time.Second, p.address(), second.address))
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	p.cut()
	began := time.Now()
	closed := s.awaitKind("closed", 1)
	if took := time.Since(began); !errors.Is(closed.reason, rpc.ErrSilent) || took < 900*time.Millisecond {
		t.Errorf("the session ended with %v after %v", closed.reason, took)
	}
	second.standing.await(t, 1)
	awaitMessage[*protocol.Welcome](s.recorder, 2)
	awaitMessage[*protocol.Hello](second.recorder, 1)
}

// What others say of an older term, or of the same leader under another address,
// deposes nobody.
func TestAShardStaysWithALeaderOfTheNewestTerm(t *testing.T) {
	first, second := startCoordinator(t, brisk), startCoordinator(t, brisk)
	p := startProxy(t, first.address)
	first.standing.says(3, true, p.address())
	second.standing.says(3, false, "127.0.0.1:1")
	s := startShard(t, "", among(time.Second, p.address(), second.address))
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	first.standing.await(t, 2) // the first answer has come by then
	p.cut()
	if closed := s.awaitKind("closed", 1); !errors.Is(closed.reason, rpc.ErrSilent) {
		t.Errorf("the session ended with %v", closed.reason)
	}
	second.standing.await(t, 2)
}

// A leader whose loop hangs may be deposed and go on with its heartbeats.
func TestAShardLeavesALeaderThatLeadsNoMore(t *testing.T) {
	first, second := startCoordinator(t, brisk), startCoordinator(t, brisk)
	first.standing.says(3, true, first.address)
	s := startShard(t, first.address)
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	first.standing.await(t, 1)
	first.standing.says(4, false, second.address)
	awaitMessage[*protocol.Welcome](s.recorder, 2)
	awaitMessage[*protocol.Hello](second.recorder, 1)
}

// All coordinators of the list may be replaced: the leader tells of the others.
func TestAShardLearnsOfCoordinators(t *testing.T) {
	given, leader, other := startFollower(t, ""), startCoordinator(t, brisk), startCoordinator(t, brisk)
	p := startProxy(t, leader.address)
	leader.standing.says(3, true, p.address(), p.address(), other.address)
	given.follows(p.address())
	s := startShard(t, given.address, func(o *rpc.SessionClientOptions) { o.SilenceAmong = time.Second })
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	leader.standing.await(t, 2) // the first answer has come by then
	given.follows("")
	p.cut()
	awaitMessage[*protocol.Hello](other.recorder, 1)
	awaitMessage[*protocol.Welcome](s.recorder, 2)
}

// Silence of the only coordinator is borne for as long as before.
func TestAShardIsPatientWithTheOnlyCoordinator(t *testing.T) {
	c := startCoordinator(t, brisk)
	p := startProxy(t, c.address)
	c.standing.says(1, true, p.address(), p.address())
	s := startShard(t, p.address(), func(o *rpc.SessionClientOptions) {
		o.SilenceAmong, o.Silence = 100*time.Millisecond, 1500*time.Millisecond
	})
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	p.cut()
	began := time.Now()
	s.awaitKind("closed", 1)
	if took := time.Since(began); took < 1400*time.Millisecond {
		t.Errorf("the session ended after %v", took)
	}
}

// A shard that was started and finds no leader asks for another list, once.
func TestAShardAsksForThePresentList(t *testing.T) {
	address := deadAddress(t)
	_, log := runUntil(t, 20, []string{address, startFollower(t, "").address}, 1)
	if log.count("give --coordinator the present list") != 0 {
		t.Errorf("too soon: %s", log.buf.String())
	}
	_, log = runUntil(t, 20, []string{address}, 1)
	if log.count("give --coordinator the present list") != 1 || log.count(address) == 0 {
		t.Errorf("log: %s", log.buf.String())
	}
}

func TestSuccessor(t *testing.T) {
	var coordinators []*coordinator
	var connections []grpc.ClientConnInterface
	for range 3 {
		c := startCoordinator(t)
		connection, err := rpc.Dial(c.address)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		coordinators, connections = append(coordinators, c), append(connections, connection)
	}
	for name, c := range map[string]struct {
		says func(*oracle)
		want string
	}{
		"nobody knows":       {says: func(o *oracle) { o.says(9, false, "") }},
		"the same":           {says: func(o *oracle) { o.says(9, false, "a:1") }},
		"one of before":      {says: func(o *oracle) { o.says(2, false, "b:1") }},
		"one of now":         {says: func(o *oracle) { o.says(3, false, "b:1") }},
		"a newer one":        {says: func(o *oracle) { o.says(4, false, "b:1") }, want: "b:1"},
		"not an address":     {says: func(o *oracle) { o.says(4, false, "b") }},
		"a member of itself": {says: func(o *oracle) { o.says(4, true, "c:1") }, want: "c:1"},
	} {
		c.says(&coordinators[1].standing)
		got, found := rpc.Successor(t.Context(), "a:1", 3, slices.Clone(connections))
		if got != c.want || found != (c.want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, found, c.want)
		}
	}
	if got, found := rpc.Successor(t.Context(), "a:1", 3, nil); found {
		t.Errorf("nobody was asked, and named %q", got)
	}
}
