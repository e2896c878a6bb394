package raftnet_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftnet"
	"github.com/lockstep-exec/lockstep/protocol"
)

func as(change func(*raftnet.Identity)) change {
	return func(o *raftnet.Options) {
		identity := o.Identity()
		change(&identity)
		o.Identity = func() raftnet.Identity { return identity }
	}
}

// everyCall tries all kinds of calls, and gives what each failed with.
func everyCall(from, to *host, name raft.ServerID) map[string]error {
	_, pipeline := from.AppendEntriesPipeline(name, to.address)
	return map[string]error{
		"vote":     from.RequestVote(name, to.address, &raft.RequestVoteRequest{}, &raft.RequestVoteResponse{}),
		"pre-vote": from.RequestPreVote(name, to.address, &raft.RequestPreVoteRequest{}, &raft.RequestPreVoteResponse{}),
		"timeout":  from.TimeoutNow(name, to.address, &raft.TimeoutNowRequest{}, &raft.TimeoutNowResponse{}),
		"beat":     from.AppendEntries(name, to.address, appendOf(), &raft.AppendEntriesResponse{}),
		"append":   from.AppendEntries(name, to.address, appendOf(1), &raft.AppendEntriesResponse{}),
		"pipeline": pipeline,
		"snapshot": from.InstallSnapshot(name, to.address, snapshotOf(3), &raft.InstallSnapshotResponse{}, strings.NewReader("abc")),
	}
}

func TestWhoIsNotMeantIsRefused(t *testing.T) {
	another := protocol.DirectoryID{9}
	for _, test := range []struct {
		name     string
		from, to change
		recorded func(from, to *host)
		called   raft.ServerID
		reason   raftnet.Reason
		byPeer   bool
		sentence string
	}{
		{
			name:   "another name",
			called: "c3", reason: raftnet.OtherName, byPeer: true,
			sentence: `c1 called this coordinator "c3", but it is c2: correct the address of "c3"`,
		},
		{
			name:   "another cluster",
			to:     as(func(i *raftnet.Identity) { i.Cluster = protocol.ClusterID{8} }),
			reason: raftnet.OtherCluster, byPeer: true,
			sentence: "c1 belongs to cluster 07",
		},
		{
			name:     "the target lost its disk",
			recorded: func(from, _ *host) { from.known.record("c2", another) },
			reason:   raftnet.OtherDirectory, byPeer: true,
			sentence: "c2 came back with another data directory (" + directoryOf("c2").String() + ", not " + another.String() +
				"): remove it and add it under a new name",
		},
		{
			name:     "the caller lost its disk",
			recorded: func(_, to *host) { to.known.record("c1", another) },
			reason:   raftnet.OtherDirectory, byPeer: true,
			sentence: "c1 came back with another data directory (" + directoryOf("c1").String() + ", not " + another.String() +
				"): remove it and add it under a new name",
		},
		{
			name:   "two of one name",
			from:   as(func(i *raftnet.Identity) { i.Name = "c2" }),
			reason: raftnet.OtherDirectory, byPeer: true,
			sentence: "is called c2 too: start it under a name of its own",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			none := func(*raftnet.Options) {}
			if test.from == nil {
				test.from = none
			}
			if test.to == nil {
				test.to = none
			}
			from, to := startHost(t, "c1", test.from), startHost(t, "c2", test.to)
			if test.recorded != nil {
				test.recorded(from, to)
			}
			if test.called == "" {
				test.called = "c2"
			}
			for call, err := range everyCall(from, to, test.called) {
				var refusal *raftnet.RefusedError
				if !errors.As(err, &refusal) {
					t.Errorf("%s: got %v, want a RefusedError", call, err)
					continue
				}
				if refusal.Peer != test.called || refusal.Reason != test.reason || refusal.ByPeer != test.byPeer || !strings.Contains(refusal.Sentence, test.sentence) {
					t.Errorf("%s: got %+v, want reason %d, by peer %v: %s", call, *refusal, test.reason, test.byPeer, test.sentence)
				}
			}
			for _, h := range []*host{from, to} {
				peers := h.Peers()
				if len(peers) != 1 || peers[0].Refusals != 7 || peers[0].Refusal == nil || peers[0].RefusedAt.IsZero() || !peers[0].LastContact.IsZero() {
					t.Errorf("%s sees %+v, want 7 refusals and no contact", h.id, peers)
				}
			}
			if len(from.known.met) > 1 || len(to.known.met) > 1 {
				t.Errorf("met %v and %v although refused", from.known.met, to.known.met)
			}
		})
	}
}

// The caller judges the answer too: the target may know less than it does.
func TestAnswerOfSomebodyElseIsRefused(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	to.answer(t, func(raft.RPC) (any, error) {
		from.known.record("c2", protocol.DirectoryID{9}) // while the call is under way
		return &raft.RequestVoteResponse{Term: 5, Granted: true}, nil
	})
	var resp raft.RequestVoteResponse
	err := from.RequestVote("c2", to.address, &raft.RequestVoteRequest{Term: 5}, &resp)
	var refusal *raftnet.RefusedError
	if !errors.As(err, &refusal) || refusal.ByPeer || refusal.Reason != raftnet.OtherDirectory {
		t.Fatalf("got %v, want a refusal by this side", err)
	}
	if resp.Granted {
		t.Fatal("the vote was taken although refused")
	}
}

func TestMet(t *testing.T) {
	from := startHost(t, "c1", as(func(i *raftnet.Identity) { i.Cluster = protocol.ClusterID{} })) // not known yet
	to := startHost(t, "c2")
	to.answer(t, accepted)
	for range 2 {
		if err := from.AppendEntries("c2", to.address, appendOf(1), &raft.AppendEntriesResponse{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, side := range []struct {
		of   *host
		peer raft.ServerID
	}{{from, "c2"}, {to, "c1"}} {
		if d, _ := side.of.known.expect(side.peer); d != directoryOf(side.peer) {
			t.Errorf("%s recorded %v for %s", side.of.id, d, side.peer)
		}
		if !slices.Equal(side.of.known.met, []raft.ServerID{side.peer}) {
			t.Errorf("%s met %v, want %s once", side.of.id, side.of.known.met, side.peer)
		}
	}
}

func TestContactEndsARefusal(t *testing.T) {
	from, to := startHost(t, "c1"), startHost(t, "c2")
	to.answer(t, accepted)
	from.known.record("c2", protocol.DirectoryID{9})
	if err := from.AppendEntries("c2", to.address, appendOf(), &raft.AppendEntriesResponse{}); err == nil {
		t.Fatal("not refused")
	}
	from.known.record("c2", directoryOf("c2"))
	if err := from.AppendEntries("c2", to.address, appendOf(), &raft.AppendEntriesResponse{}); err != nil {
		t.Fatal(err)
	}
	p := from.Peers()[0]
	if p.Refusal != nil || !p.RefusedAt.IsZero() || p.Refusals != 1 || p.LastContact.IsZero() {
		t.Fatalf("got %+v", p)
	}
	if p.LastError == "" || p.LastErrorAt.IsZero() || p.Address != to.address || p.BytesSent == 0 {
		t.Fatalf("got %+v", p)
	}
}

// A coordinator with an empty log may be one that lost its disk. It elects nobody
// who has more and does not know its directory.
func TestEmptyLogVotesForNoStranger(t *testing.T) {
	from := startHost(t, "c1", func(o *raftnet.Options) { o.Met = nil })
	empty := true
	var asked int
	to := startHost(t, "c2", func(o *raftnet.Options) { o.Fresh = func() bool { return empty } })
	to.answer(t, func(r raft.RPC) (any, error) {
		asked++
		if _, ok := r.Command.(*raft.RequestVoteRequest); ok {
			return &raft.RequestVoteResponse{Granted: true}, nil
		}
		return &raft.RequestPreVoteResponse{Granted: true}, nil
	})
	votes := func(what string, last uint64, want bool) {
		t.Helper()
		before := asked
		var vote raft.RequestVoteResponse
		var pre raft.RequestPreVoteResponse
		for call, err := range map[string]error{
			"vote":     from.RequestVote("c2", to.address, &raft.RequestVoteRequest{Term: 3, LastLogIndex: last, LastLogTerm: 1}, &vote),
			"pre-vote": from.RequestPreVote("c2", to.address, &raft.RequestPreVoteRequest{Term: 3, LastLogIndex: last, LastLogTerm: 1}, &pre),
		} {
			var refusal *raftnet.RefusedError
			if want != (err == nil) || want == errors.As(err, &refusal) {
				t.Errorf("%s: %s: %v", what, call, err)
			}
		}
		if want != (asked > before) {
			t.Errorf("%s: raft was asked %d times", what, asked-before)
		}
	}
	votes("of another empty one", 1, true)
	votes("of a stranger", 2, false)
	empty = false
	votes("with entries", 2, true)
	empty = true
	from.known.record("c2", directoryOf("c2"))
	votes("of one that knows it", 2, true)
}
