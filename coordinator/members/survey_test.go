package members

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func list(t *testing.T, m *served) map[string]*wirepb.CoordinatorStatus {
	t.Helper()
	out, err := m.client.ListMembers(t.Context(), &wirepb.ListMembersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(out.GetMembers()))
	found := map[string]*wirepb.CoordinatorStatus{}
	for _, c := range out.GetMembers() {
		names = append(names, c.GetName())
		found[c.GetName()] = c
	}
	if !slices.IsSorted(names) {
		t.Errorf("members %v are not in order", names)
	}
	return found
}

func TestMembersAreShownAsTheyAre(t *testing.T) {
	leader, all := group(t, "c3", "c1", "c2", "c4", "c5", "c6", "c7", "c8")
	all[1].status.Applied = 990
	leader.acknowledges("c2", 100)
	all[3].stop()
	all[4].identity.Directory[0]++
	all[5].identity.Name, all[5].status.Name = "c9", "c9"
	all[6].status.Applied, all[6].status.Role = 0, replica.RoleWaiting
	leader.set(func(f *fake) { f.status.Peers[len(f.status.Peers)-2].Contact = time.Now().Add(-time.Minute) }) // c8
	found := list(t, leader)
	for name, want := range map[string]struct {
		state  wirepb.CoordinatorState
		role   wirepb.CoordinatorRole
		behind uint64
		reason string
	}{
		"c3": {wirepb.CoordinatorState_COORDINATOR_STATE_READY, wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER, 0, ""},
		"c1": {wirepb.CoordinatorState_COORDINATOR_STATE_READY, wirepb.CoordinatorRole_COORDINATOR_ROLE_FOLLOWER, 10, ""},
		"c2": {wirepb.CoordinatorState_COORDINATOR_STATE_CATCHING_UP, wirepb.CoordinatorRole_COORDINATOR_ROLE_FOLLOWER, 900, ""},
		"c4": {wirepb.CoordinatorState_COORDINATOR_STATE_UNREACHABLE, 0, 1000, "does not answer at"},
		"c5": {wirepb.CoordinatorState_COORDINATOR_STATE_REFUSED, 0, 1000, "remove it, start it on an empty directory under a new name"},
		"c6": {wirepb.CoordinatorState_COORDINATOR_STATE_REFUSED, 0, 1000, `is called "c9", not c6`},
		"c7": {wirepb.CoordinatorState_COORDINATOR_STATE_CATCHING_UP, wirepb.CoordinatorRole_COORDINATOR_ROLE_WAITING, 1000, ""},
		"c8": {wirepb.CoordinatorState_COORDINATOR_STATE_CATCHING_UP, wirepb.CoordinatorRole_COORDINATOR_ROLE_FOLLOWER, 0, "has not taken anything of the log for 1m0s"},
	} {
		got := found[name]
		if got.GetState() != want.state || got.GetRole() != want.role || got.GetBehind() != want.behind || !strings.Contains(got.GetReason(), want.reason) {
			t.Errorf("%s is %v, want %+v", name, got, want)
		}
	}
	if got := found["c1"]; got.GetContactMs() != 40 || got.GetTerm() != 3 || got.GetAppliedIndex() != 990 || got.GetAddress() != all[1].address {
		t.Errorf("c1 is %v", got)
	}
	if found["c4"].ContactMs != nil || found["c3"].ContactMs != nil {
		t.Error("a contact that never was")
	}
}

// A learner that lacks the list of members in which it is gets no vote, be it only a few
// entries behind: it would elect nobody of whom it has not read yet.
func TestLevelIsWhoKnowsTheMembers(t *testing.T) {
	leader, _ := group(t, "c1", "c2")
	leader.set(func(f *fake) { f.status.Configured = 950 })
	for acknowledged, want := range map[uint64]wirepb.CoordinatorState{
		949: wirepb.CoordinatorState_COORDINATOR_STATE_CATCHING_UP,
		950: wirepb.CoordinatorState_COORDINATOR_STATE_READY,
	} {
		leader.acknowledges("c2", acknowledged)
		if got := list(t, leader)["c2"]; got.GetState() != want {
			t.Errorf("with %d entries c2 is %v", acknowledged, got)
		}
	}
}

// A member that went away is shown with the time since it answered.
func TestContactOfAMemberThatIsGone(t *testing.T) {
	leader, all := group(t, "c1", "c2")
	list(t, leader)
	all[1].stop()
	if got := list(t, leader)["c2"]; got.GetState() != wirepb.CoordinatorState_COORDINATOR_STATE_UNREACHABLE || got.ContactMs == nil {
		t.Errorf("c2 is %v", got)
	}
}

func TestAMemberOfAnotherCluster(t *testing.T) {
	leader, all := group(t, "c1", "c2")
	all[1].identity.Cluster = protocol.ClusterID{8}
	if got := list(t, leader)["c2"]; !strings.Contains(got.GetReason(), "belongs to cluster 08") {
		t.Errorf("c2 is %v", got)
	}
}

func TestHere(t *testing.T) {
	_, all := group(t, "c1", "c2")
	out, err := all[1].client.Here(t.Context(), &wirepb.HereRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if out.GetSelf().GetName() != "c2" || out.GetLeader() != "c1" || out.GetLeaderAddress() != all[0].address || len(out.GetCluster()) != 16 ||
		out.GetSelf().GetContactMs() != 40 || out.GetSelf().GetAddress() != all[1].address {
		t.Errorf("answer %v", out)
	}
}

// One that takes no part says why, to whoever asks it, and what to do.
func TestThoseThatTakeNoPartSayWhy(t *testing.T) {
	for standing, state := range map[replica.Standing]wirepb.CoordinatorState{
		replica.StandingOutside: wirepb.CoordinatorState_COORDINATOR_STATE_OUTSIDE,
		replica.StandingRefused: wirepb.CoordinatorState_COORDINATOR_STATE_REFUSED,
		replica.StandingLearner: wirepb.CoordinatorState_COORDINATOR_STATE_CATCHING_UP,
	} {
		m := newcomer(t, "c4")
		m.set(func(f *fake) { f.status.Standing, f.status.Reason = standing, "do this" })
		out, err := m.client.Here(t.Context(), &wirepb.HereRequest{})
		if err != nil || out.GetSelf().GetState() != state || out.GetSelf().GetReason() != "do this" {
			t.Errorf("it says %v, error %v", out, err)
		}
		_, err = m.client.ListMembers(t.Context(), &wirepb.ListMembersRequest{})
		if leader, elsewhere := wire.Leader(err); !elsewhere || leader != "" || !wire.IsNotMember(err) || !strings.Contains(err.Error(), "do this") {
			t.Errorf("it sends elsewhere with %v", err)
		}
	}
}

// A member that was away when it was removed asks those that know.
func TestOneThatWasRemovedFindsOut(t *testing.T) {
	_, all := group(t, "c1", "c2", "c3")
	lost := all[2]
	removed := func() (yes bool) {
		lost.service.lookForRemoval(t.Context(), lost.Status())
		lost.set(func(f *fake) { yes = f.removed })
		return yes
	}
	lost.set(func(f *fake) { f.status.Leader = replica.Member{} })
	if removed() {
		t.Error("it is among the members")
	}
	all[1].set(func(f *fake) { f.status.Members = f.status.Members[:2] })
	all[0].set(func(f *fake) { f.status.Leader = replica.Member{} })                                        // it does not know better
	for _, role := range []replica.Role{replica.RoleFollower, replica.RoleCandidate, replica.RoleWaiting} { // by what it has of the log
		lost.set(func(f *fake) { f.removed, f.status.Role = false, role })
		if !removed() {
			t.Errorf("as a %s it is not told", role)
		}
	}
	all[1].set(func(f *fake) { f.identity.Cluster[0]++ })
	lost.set(func(f *fake) { f.removed = false })
	if removed() {
		t.Error("it believes another cluster")
	}
	lost.set(func(f *fake) { f.removed, f.status.Leader = true, f.status.Members[0] })
	if removed() {
		t.Error("it hears of a leader")
	}
}

// What a member knows without asking anybody.
func TestKnown(t *testing.T) {
	leader, all := group(t, "c2", "c1", "c3")
	leader.set(func(f *fake) { f.status.Learners = []string{"c3"} })
	leader.acknowledges("c1", 900)
	known := Known(leader.Status())
	if len(known) != 3 || known[0].GetName() != "c1" || known[0].GetBehind() != 100 || known[0].ContactMs == nil || known[0].GetSentBytes() != 4500 {
		t.Errorf("c1 is %v", known)
	}
	if known[1].GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER || known[1].GetTerm() != 3 || known[2].GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER {
		t.Errorf("the leader knows %v", known)
	}
	if known = Known(all[1].Status()); known[1].GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER || known[2].GetBehind() != 0 {
		t.Errorf("a follower knows %v", known)
	}
}

func TestFollowersSendOperatorsToTheLeader(t *testing.T) {
	_, all := group(t, "c1", "c2")
	_, members := all[1].client.ListMembers(t.Context(), &wirepb.ListMembersRequest{})
	_, add := all[1].client.AddMember(t.Context(), &wirepb.AddMemberRequest{Name: "c3", Address: "127.0.0.1:1"})
	_, remove := all[1].client.RemoveMember(t.Context(), &wirepb.RemoveMemberRequest{Name: "c1"})
	_, transfer := all[1].client.TransferLeadership(t.Context(), &wirepb.TransferLeadershipRequest{})
	for what, err := range map[string]error{"list": members, "add": add, "remove": remove, "transfer": transfer} {
		if leader, ok := wire.Leader(err); !ok || leader != all[0].address {
			t.Errorf("%s: sent to %q: %v", what, leader, err)
		}
	}
	all[1].set(func(f *fake) { f.status.Leader = replica.Member{} })
	_, err := all[1].client.ListMembers(t.Context(), &wirepb.ListMembersRequest{})
	wantCode(t, err, codes.Unavailable)
	if leader, ok := wire.Leader(err); !ok || leader != "" {
		t.Errorf("sent to %q: %v", leader, err)
	}
}

// A leader without space has one lead that has, not more often than once a minute.
func TestALeaderWithoutSpaceHandsOver(t *testing.T) {
	leader, all := group(t, "c1", "c2", "c3", "c4", "c5")
	leader.set(func(f *fake) { f.status.Learners = []string{"c5"} })
	leader.acknowledges("c3", 990)
	full := func(m *served) {
		m.service.options.ShortOfSpace = func() string { return "the disk of " + m.status.Name + " has 1 MiB free" }
	}
	relieves := func() {
		t.Helper()
		now := leader.Status()
		leader.service.relieve(t.Context(), now, leader.service.survey(t.Context(), now))
	}
	full(all[1])
	relieves() // has space itself
	full(leader)
	all[3].stop()
	relieves()
	relieves() // so soon
	leader.wantChanges(t, "transfer c3")
	if found := list(t, leader); found["c1"].GetReason() == "" || found["c2"].GetShortOfSpace() != "the disk of c2 has 1 MiB free" || found["c3"].GetReason() != "" {
		t.Errorf("the members are %v", found)
	}
	leader.service.relieved = time.Now().Add(-relieveEvery)
	full(all[2])
	relieves() // nobody has space
	leader.wantChanges(t, "transfer c3")
}

// Run keeps what it found for whoever cannot wait, while this member leads.
func TestRunLooksWhileItLeads(t *testing.T) {
	leader, all := group(t, "c1", "c2")
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		all[0].service.Run(ctx)
	}()
	await(t, "the members", func() bool { return len(leader.service.Latest()) == 2 })
	leader.set(func(f *fake) { f.status.Role = replica.RoleFollower })
	await(t, "nothing more", func() bool { return leader.service.Latest() == nil })
	cancel()
	<-ran
}
