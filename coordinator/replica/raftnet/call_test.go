package raftnet_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftnet"
)

// What goes in on one side comes out on the other, requests and answers.
func TestSingleCalls(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	var got any
	var give any
	to.answer(t, func(r raft.RPC) (any, error) { got = r.Command; return give, nil })
	sent, answered := header("c1", from.address), header("c2", to.address)
	for _, test := range []struct {
		request, answer, response any
		call                      func(request, response any) error
	}{
		{
			&raft.RequestVoteRequest{RPCHeader: sent, Term: 7, LastLogIndex: 8, LastLogTerm: 6, LeadershipTransfer: true},
			&raft.RequestVoteResponse{RPCHeader: answered, Term: 7, Granted: true},
			&raft.RequestVoteResponse{},
			func(q, a any) error {
				return from.RequestVote("c2", to.address, q.(*raft.RequestVoteRequest), a.(*raft.RequestVoteResponse))
			},
		},
		{
			&raft.RequestPreVoteRequest{RPCHeader: sent, Term: 7, LastLogIndex: 8, LastLogTerm: 6},
			&raft.RequestPreVoteResponse{RPCHeader: answered, Term: 7, Granted: true},
			&raft.RequestPreVoteResponse{},
			func(q, a any) error {
				return from.RequestPreVote("c2", to.address, q.(*raft.RequestPreVoteRequest), a.(*raft.RequestPreVoteResponse))
			},
		},
		{
			&raft.TimeoutNowRequest{RPCHeader: sent},
			&raft.TimeoutNowResponse{RPCHeader: answered},
			&raft.TimeoutNowResponse{},
			func(q, a any) error {
				return from.TimeoutNow("c2", to.address, q.(*raft.TimeoutNowRequest), a.(*raft.TimeoutNowResponse))
			},
		},
		{
			&raft.AppendEntriesRequest{RPCHeader: sent, Term: 7, PrevLogEntry: 8, PrevLogTerm: 6, LeaderCommitIndex: 5},
			&raft.AppendEntriesResponse{RPCHeader: answered, Term: 7, LastLog: 8, Success: true, NoRetryBackoff: true},
			&raft.AppendEntriesResponse{},
			func(q, a any) error {
				return from.AppendEntries("c2", to.address, q.(*raft.AppendEntriesRequest), a.(*raft.AppendEntriesResponse))
			},
		},
		{
			&raft.AppendEntriesRequest{RPCHeader: sent, Term: 7, PrevLogEntry: 8, PrevLogTerm: 6, LeaderCommitIndex: 9, Entries: []*raft.Log{
				{Index: 9, Term: 6, Type: raft.LogCommand, Data: []byte("a"), Extensions: []byte("x"), AppendedAt: time.Unix(1, 2)},
				{Index: 10, Term: 7, Type: raft.LogNoop},
			}},
			&raft.AppendEntriesResponse{RPCHeader: answered, Term: 7, LastLog: 10, Success: true},
			&raft.AppendEntriesResponse{},
			func(q, a any) error {
				return from.AppendEntries("c2", to.address, q.(*raft.AppendEntriesRequest), a.(*raft.AppendEntriesResponse))
			},
		},
	} {
		give = test.answer
		if err := test.call(test.request, test.response); err != nil {
			t.Errorf("%T: %v", test.request, err)
			continue
		}
		if !reflect.DeepEqual(got, test.request) {
			t.Errorf("raft got %+v, want %+v", got, test.request)
		}
		if !reflect.DeepEqual(test.response, test.answer) {
			t.Errorf("the answer is %+v, want %+v", test.response, test.answer)
		}
	}
}

func TestErrorsOfRaftComeBack(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	to.answer(t, func(raft.RPC) (any, error) { return nil, raft.ErrUnsupportedProtocol })
	for call, err := range everyCall(from, to, "c2") {
		if call == "pipeline" { // nothing was asked
			continue
		}
		if err == nil || err.Error() != "c2 answers: operation not supported with current protocol version" {
			t.Errorf("%s: got %v", call, err)
		}
	}
}

// A heartbeat is answered although the main loop of raft takes nothing.
func TestHeartbeatsTakeTheFastPath(t *testing.T) {
	from, to := startHost(t, "c1", func(o *raftnet.Options) { o.Timeout = time.Second }), startHost(t, "c2")
	to.SetHeartbeatHandler(func(r raft.RPC) { r.Respond(accepted(r)) })
	var resp raft.AppendEntriesResponse
	if err := from.AppendEntries("c2", to.address, &raft.AppendEntriesRequest{Term: 3}, &resp); err != nil {
		t.Fatal(err)
	}
	if resp.Term != 3 || !resp.Success {
		t.Fatalf("got %+v", resp)
	}
	// With a commit index it is no heartbeat, and waits for the main loop.
	err := from.AppendEntries("c2", to.address, &raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 1, PrevLogTerm: 1, LeaderCommitIndex: 1}, &resp)
	if err == nil {
		t.Fatal("a request that only the main loop may answer was answered")
	}
}

// Raft would commit what a follower has behind the entries of a request, which
// may be of a deposed leader.
func TestNothingIsCommittedBeyondTheEntries(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	var commit uint64
	to.answer(t, func(r raft.RPC) (any, error) {
		commit = r.Command.(*raft.AppendEntriesRequest).LeaderCommitIndex
		return accepted(r)
	})
	for _, test := range []struct {
		entries      []int
		commit, want uint64
	}{{nil, 50, 10}, {nil, 9, 9}, {[]int{1, 1}, 50, 12}, {[]int{1, 1}, 11, 11}} {
		a := appendOf(test.entries...)
		a.LeaderCommitIndex = test.commit
		if err := from.AppendEntries("c2", to.address, a, &raft.AppendEntriesResponse{}); err != nil {
			t.Fatal(err)
		}
		if commit != test.want {
			t.Errorf("%d entries after 10 and commit index %d: raft is told %d, want %d", len(test.entries), test.commit, commit, test.want)
		}
	}
}

func TestACallHasADeadline(t *testing.T) {
	short := func(o *raftnet.Options) { o.Timeout = 100 * time.Millisecond }
	from, to := startHost(t, "c1", short), startHost(t, "c2", short) // nobody consumes
	began := time.Now()
	err := from.RequestVote("c2", to.address, &raft.RequestVoteRequest{Term: 1}, &raft.RequestVoteResponse{})
	if err == nil || time.Since(began) > 5*time.Second {
		t.Fatalf("got %v after %v", err, time.Since(began))
	}
}

func TestNobodyListens(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	to.stop()
	for call, err := range everyCall(from, to, "c2") {
		if err == nil || !strings.Contains(err.Error(), "c2 at "+string(to.address)) {
			t.Errorf("%s: got %v", call, err)
		}
	}
}

func TestClosedTransport(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	for call, err := range everyCall(from, to, "c2") {
		if !errors.Is(err, raft.ErrTransportShutdown) {
			t.Errorf("%s: got %v", call, err)
		}
	}
	if _, err := from.Inject(t.Context(), &raft.TimeoutNowRequest{}); !errors.Is(err, raft.ErrTransportShutdown) {
		t.Errorf("inject: got %v", err)
	}
	for call, err := range everyCall(to, from, "c1") {
		if call == "pipeline" { // it ends with the first request
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "this coordinator has stopped replicating") {
			t.Errorf("%s to a closed transport: got %v", call, err)
		}
	}
}

func TestInject(t *testing.T) {
	h := startHost(t, "c1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Inject(ctx, &raft.TimeoutNowRequest{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	h.answer(t, func(raft.RPC) (any, error) { return nil, raft.ErrLeader })
	if _, err := h.Inject(t.Context(), &raft.TimeoutNowRequest{}); !errors.Is(err, raft.ErrLeader) {
		t.Fatalf("got %v", err)
	}
}

func TestUnusableOptions(t *testing.T) {
	good := raftnet.Options{Address: "a:1", Identity: func() raftnet.Identity { return raftnet.Identity{} }}
	if _, err := raftnet.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]change{
		"no identity":   func(o *raftnet.Options) { o.Identity = nil },
		"no address":    func(o *raftnet.Options) { o.Address = "" },
		"no timeout":    func(o *raftnet.Options) { o.Timeout = -1 },
		"no stall":      func(o *raftnet.Options) { o.Stall = -1 },
		"no flight":     func(o *raftnet.Options) { o.InFlight = -1 },
		"small frames":  func(o *raftnet.Options) { o.FrameBytes = 1000 },
		"large batches": func(o *raftnet.Options) { o.BatchBytes = 1 << 30 },
	} {
		o := good
		change(&o)
		if _, err := raftnet.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTheAddressOfAPeerChanges(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	to.answer(t, accepted)
	p := startProxy(t, to.address)
	for _, address := range []raft.ServerAddress{to.address, p.address(), to.address} {
		if err := from.AppendEntries("c2", address, appendOf(), &raft.AppendEntriesResponse{}); err != nil {
			t.Fatal(err)
		}
		if got := from.Peers()[0].Address; got != address {
			t.Fatalf("called at %s, want %s", got, address)
		}
	}
}

// A server may be registered long before raft consumes anything.
func TestCallsWaitForRaft(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	done := make(chan error, 1)
	go func() {
		done <- from.AppendEntries("c2", to.address, appendOf(), &raft.AppendEntriesResponse{})
	}()
	eventually(t, "the call has come", func() bool { return len(to.Peers()) == 1 })
	to.answer(t, accepted)
	if err := await(t, done, "the answer"); err != nil {
		t.Fatal(err)
	}
}
