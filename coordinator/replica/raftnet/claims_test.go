package raftnet_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftnet"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
)

// proven makes a coordinator show the identity of somebody.
func proven(a *identitytest.Authority, role identity.Role, id string) change {
	i := a.Open(role, id)
	return func(o *raftnet.Options) { o.Proof = i }
}

// A name counts only for whoever has proven it, in every kind of call, at both ends.
func TestNamesAreProven(t *testing.T) {
	a := identitytest.New(t)
	for _, test := range []struct {
		what     string
		from, to change
		says     string
	}{
		{"the caller is another", proven(a, identity.Coordinator, "c3"), proven(a, identity.Coordinator, "c2"), "lockstep://prod/coordinator/c3 says that it is coordinator c1"},
		{"the caller is a shard", proven(a, identity.Shard, "1"), proven(a, identity.Coordinator, "c2"), "lockstep://prod/shard/1 may not call"},
		{"the target is another", proven(a, identity.Coordinator, "c1"), proven(a, identity.Coordinator, "c3"), "lockstep://prod/coordinator/c3 answers where coordinator c2 is expected"},
		{"the target is a shard", proven(a, identity.Coordinator, "c1"), proven(a, identity.Shard, "1"), "lockstep://prod/shard/1 answers where coordinator c2 is expected"},
	} {
		from, to := startHost(t, "c1", test.from), startHost(t, "c2", test.to)
		for call, err := range everyCall(from, to, "c2") {
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s, %s: %v, want %q", test.what, call, err, test.says)
			}
		}
	}
	from, to := startHost(t, "c1", proven(a, identity.Coordinator, "c1")), startHost(t, "c2", proven(a, identity.Coordinator, "c2"))
	to.answer(t, func(raft.RPC) (any, error) { return &raft.RequestVoteResponse{Granted: true}, nil })
	var vote raft.RequestVoteResponse
	if err := from.RequestVote("c2", to.address, &raft.RequestVoteRequest{}, &vote); err != nil || !vote.Granted {
		t.Errorf("between those that are right: %v, %v", vote, err)
	}
}
