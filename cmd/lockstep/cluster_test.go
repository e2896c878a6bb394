package main

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/clustertest"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func contact(ms uint64) *uint64 { return &ms }

// three gives a cluster three coordinators, one of each kind.
func three(s *clustertest.Server) {
	s.Members = []*wirepb.CoordinatorStatus{
		{Name: "c1", Address: "127.0.0.1:7400", Role: wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER, State: wirepb.CoordinatorState_COORDINATOR_STATE_READY,
			Term: 7, LastIndex: 1_234_567, AppliedIndex: 1_234_567, Directory: digest(1)[:16]},
		{Name: "c2", Address: "127.0.0.1:7401", Role: wirepb.CoordinatorRole_COORDINATOR_ROLE_FOLLOWER, State: wirepb.CoordinatorState_COORDINATOR_STATE_CATCHING_UP,
			Term: 7, LastIndex: 1_230_000, AppliedIndex: 1_229_999, Behind: 4_568, ContactMs: contact(42), Directory: digest(2)[:16]},
		{Name: "c3", Address: "127.0.0.1:7402", State: wirepb.CoordinatorState_COORDINATOR_STATE_UNREACHABLE, Behind: 1_234_567, ContactMs: contact(61_000),
			Reason: "c3 does not answer at 127.0.0.1:7402"},
	}
}

func TestClusterMembers(t *testing.T) {
	s := clustertest.Start(t)
	three(s)
	wantDone(t, lockstep(t, "", "cluster", "members", "--coordinator", s.Address), "members.txt")
	wantDone(t, lockstep(t, "", "cluster", "members", "--coordinator", s.Address, "-o", "json"), "members.json")
}

func TestStatusHasTheCoordinators(t *testing.T) {
	s := clustertest.Start(t)
	three(s)
	wantDone(t, lockstep(t, "", "status", "--coordinator", s.Address), "status_coordinators.txt")
	wantDone(t, lockstep(t, "", "status", "--coordinator", s.Address, "-o", "json"), "status_coordinators.json")
}

// A follower sends everybody to the leader, but tells of itself with --here.
func TestCommandsFollowToTheLeader(t *testing.T) {
	leader, follower := clustertest.Start(t), clustertest.Start(t)
	leader.Cluster.Height, follower.Cluster.Height, follower.Leader = 812, 811, leader.Address
	three(leader)
	for _, args := range [][]string{{"status", "-o", "json"}, {"get", "kv/x"}, {"cluster", "members"}, {"cluster", "transfer"}} {
		want := lockstep(t, "", append(args, "--coordinator", leader.Address)...)
		got := lockstep(t, "", append(args, "--coordinator", follower.Address)...)
		if got != want || got.code != cli.ExitDone {
			t.Errorf("%q at a follower: %+v, want %+v", args, got, want)
		}
	}
	here := lockstep(t, "", "status", "--here", "--coordinator", follower.Address)
	if here.code != cli.ExitDone || !containsAll(here.out, "height 811", "c2", "follower", "The leader is c1.") {
		t.Errorf("status --here: %+v", here)
	}
}

func TestClusterChanges(t *testing.T) {
	s := clustertest.Start(t)
	three(s)
	at := []string{"--coordinator", s.Address}
	for _, args := range [][]string{
		{"cluster", "remove", "c3"}, {"cluster", "remove", "c3", "--force"}, {"cluster", "add", "c1=127.0.0.1:7400"},
	} {
		if r := lockstep(t, "", append(args, at...)...); r.code != cli.ExitDone || !containsAll(r.out, "c1", "leader") {
			t.Errorf("%q: %+v", args, r)
		}
	}
	if r := lockstep(t, "", append([]string{"cluster", "transfer", "c2"}, at...)...); r.out != "c2 at 127.0.0.1:7402 leads\n" {
		t.Errorf("transfer: %+v", r)
	}
	if r := lockstep(t, "", append([]string{"cluster", "transfer", "-o", "json"}, at...)...); r.out != `{"leader":"c2","address":"127.0.0.1:7402"}`+"\n" {
		t.Errorf("transfer: %+v", r)
	}
	want := []string{"remove c3", "remove c3 by force", "add c1 127.0.0.1:7400", "transfer c2", "transfer "}
	if got := s.Changes(); !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
}

// A new member is added until it has its vote; one that does not catch up in time
// is told of, and not lost.
func TestClusterAddWaits(t *testing.T) {
	s := clustertest.Start(t)
	three(s)
	s.Lag = 2
	if r := lockstep(t, "", "cluster", "add", "c4=127.0.0.1:7403", "--coordinator", s.Address); r.code != cli.ExitDone || !containsAll(r.out, "c1", "leader") {
		t.Errorf("add: %+v", r)
	}
	if got, add := s.Changes(), "add c4 127.0.0.1:7403"; !slices.Equal(got, []string{add, add, add}) {
		t.Errorf("changes %q", got)
	}
	s.Lag = 4_568
	for name, why := range map[string]string{
		"c2": "c2 is a member, but has not caught up: c2 is 4,568 entries behind; it goes on by itself",
		"c3": "c3 is a member, but has not caught up: c3 does not answer at 127.0.0.1:7402; it goes on",
		"c5": "entries behind, 3.0 MiB were sent to it; it goes on as a learner, which counts in no majority: give the command again",
	} {
		r := lockstep(t, "", "cluster", "add", name+"=127.0.0.1:7409", "--timeout", "300ms", "--coordinator", s.Address, "--log-level", "error")
		wantFailure(t, r, cli.ExitUnknown, why)
	}
}

func TestClusterRefusals(t *testing.T) {
	s := clustertest.Start(t)
	at := []string{"--coordinator", s.Address}
	for _, test := range []struct {
		err  error
		code int
		want string
	}{
		{status.Error(codes.FailedPrecondition, "c3 is the leader: transfer the leadership to another member first"), cli.ExitFailed, "c3 is the leader: transfer"},
		{status.Error(codes.Aborted, "another change of the members is under way: wait until it is done, then try again"), cli.ExitFailed, "another change of the members is under way"},
		{status.Error(codes.Unknown, "nobody can tell whether the change was made"), cli.ExitUnknown, "nobody can tell"},
	} {
		s.ChangeError = test.err
		for _, args := range [][]string{{"cluster", "remove", "c3"}, {"cluster", "add", "c4=127.0.0.1:7403"}, {"cluster", "transfer", "c3"}} {
			wantFailure(t, lockstep(t, "", append(args, at...)...), test.code, test.want)
		}
	}
	for _, args := range [][]string{{"cluster", "remove"}, {"cluster", "add", "c4"}, {"cluster", "add", "c4=nowhere"}, {"cluster", "transfer", "a", "b"}, {"cluster", "members", "c1"}} {
		if r := lockstep(t, "", append(args, at...)...); r.code != cli.ExitUsage {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}
