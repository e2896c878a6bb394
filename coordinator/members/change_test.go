package members

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// await waits for a condition.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (m *served) adds(t *testing.T, name, address string) (*wirepb.CoordinatorStatus, error) {
	out, err := m.client.AddMember(t.Context(), &wirepb.AddMemberRequest{Name: name, Address: address})
	return out.GetMember(), err
}

func (m *served) add(t *testing.T, name, address string) error {
	_, err := m.adds(t, name, address)
	return err
}

func (m *served) remove(t *testing.T, name string, force bool) error {
	_, err := m.client.RemoveMember(t.Context(), &wirepb.RemoveMemberRequest{Name: name, Force: force})
	return err
}

func wantRefused(t *testing.T, err error, why string) {
	t.Helper()
	wantCode(t, err, codes.FailedPrecondition)
	if !strings.Contains(status.Convert(err).Message(), why) {
		t.Errorf("refused with %v, want %q", err, why)
	}
}

// A newcomer gets the log first, and a vote when it has it, however often the
// command is given.
func TestAdd(t *testing.T) {
	leader, all := group(t, "c1", "c2", "c3")
	c4 := newcomer(t, "c4")
	wantLearner := func(behind uint64) {
		t.Helper()
		m, err := leader.adds(t, "c4", c4.address)
		if err != nil || m.GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER || m.GetState() != wirepb.CoordinatorState_COORDINATOR_STATE_CATCHING_UP || m.GetBehind() != behind {
			t.Errorf("c4 is %v, error %v", m, err)
		}
	}
	wantLearner(1000)
	leader.acknowledges("c4", 1000) // has all, and applied nothing
	wantLearner(1000)
	c4.set(func(f *fake) {
		f.status.Role, f.status.Applied, f.identity.Cluster = replica.RoleLearner, 990, leader.identity.Cluster
	})
	leader.acknowledges("c4", 700)
	wantLearner(300)
	leader.wantChanges(t, "add c4 "+c4.address)
	leader.acknowledges("c4", 900)
	for range 2 {
		if m, err := leader.adds(t, "c4", c4.address); err != nil || m.GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_FOLLOWER || m.GetBehind() != 100 || m.GetSentBytes() != 4500 {
			t.Errorf("c4 is %v, error %v", m, err)
		}
	}
	if err := leader.add(t, "c2", all[1].address); err != nil { // is there
		t.Error(err)
	}
	leader.wantChanges(t, "add c4 "+c4.address, "promote c4")
}

// A learner counts for nothing: neither does it hold up the removal of others, nor
// does it make up for one that is missing.
func TestLearnersCountInNoMajority(t *testing.T) {
	leader, all := group(t, "c1", "c2", "c3", "c4")
	for _, m := range all {
		m.set(func(f *fake) { f.status.Learners = []string{"c4"} })
	}
	if got := list(t, leader)["c4"]; got.GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER || got.GetState() != wirepb.CoordinatorState_COORDINATOR_STATE_READY {
		t.Errorf("c4 is %v", got)
	}
	all[2].stop()
	wantRefused(t, leader.remove(t, "c2", false), "without c2 only 1 of 2 coordinators answer")
	all[1].stop()
	wantRefused(t, leader.add(t, "c4", all[3].address), "only 1 of the 3 members answer, and with c4 a majority of 3 is needed")
	all[3].stop()
	if err := leader.remove(t, "c4", false); err != nil {
		t.Error(err)
	}
	leader.wantChanges(t, "remove c4")
}

// A learner that is not there, or is another one, gets no vote.
func TestALearnerThatIsLostGetsNoVote(t *testing.T) {
	leader, all := group(t, "c1", "c2")
	leader.set(func(f *fake) { f.status.Learners = []string{"c2"} })
	all[1].set(func(f *fake) { f.identity.Directory[0]++ })
	if m, err := leader.adds(t, "c2", all[1].address); err != nil || m.GetState() != wirepb.CoordinatorState_COORDINATOR_STATE_REFUSED {
		t.Errorf("c2 is %v, error %v", m, err)
	}
	all[1].stop()
	if m, err := leader.adds(t, "c2", all[1].address); err != nil || m.GetState() != wirepb.CoordinatorState_COORDINATOR_STATE_UNREACHABLE || m.GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER {
		t.Errorf("c2 is %v, error %v", m, err)
	}
	leader.wantChanges(t)
}

func TestAddCorrectsAnAddress(t *testing.T) {
	leader, all := group(t, "c1", "c2")
	moved := member(t, "c2")
	moved.identity = all[1].identity
	if err := leader.add(t, "c2", moved.address); err != nil {
		t.Fatal(err)
	}
	leader.wantChanges(t, "add c2 "+moved.address)
}

func TestAddIsRefused(t *testing.T) {
	leader, all := group(t, "c1", "c2", "c3")
	gone, other, busy := newcomer(t, "c4"), newcomer(t, "c5"), member(t, "c4")
	gone.stop()
	wantRefused(t, leader.add(t, "c4", gone.address), "no coordinator answers at "+gone.address)
	wantRefused(t, leader.add(t, "c4", other.address), `is called "c5", not c4`)
	wantRefused(t, leader.add(t, "c4", busy.address), "c4 does not wait to be added")
	wantCode(t, leader.add(t, "", other.address), codes.InvalidArgument)
	all[1].stop()
	all[2].stop()
	wantRefused(t, leader.add(t, "c5", other.address), "only 1 of the 3 members answer")
	leader.set(func(f *fake) { f.err = fmt.Errorf("%w: the name c5 was used", replica.ErrRefused) })
	leader.set(func(f *fake) { f.status.Members = f.status.Members[:1] })
	wantRefused(t, leader.add(t, "c5", other.address), "the name c5 was used")
}

func TestRemove(t *testing.T) {
	leader, all := group(t, "c1", "c2", "c3")
	all[2].stop()
	if err := leader.remove(t, "c3", false); err != nil {
		t.Error(err)
	}
	wantRefused(t, leader.remove(t, "c2", false), "without c2 only 1 of 2 coordinators answer, and a majority of 2 is needed")
	if err := leader.remove(t, "c2", true); err != nil {
		t.Error(err)
	}
	leader.wantChanges(t, "remove c3", "remove c2")
}

// A member that came back with an empty disk counts for nothing.
func TestRemoveDoesNotCountAMemberThatForgot(t *testing.T) {
	leader, all := group(t, "c1", "c2", "c3")
	all[2].identity.Directory[0]++
	wantRefused(t, leader.remove(t, "c2", false), "bring the others back first (c3)")
}

func TestOneChangeAtATime(t *testing.T) {
	leader, _ := group(t, "c1", "c2", "c3")
	leader.holds, leader.entered = make(chan struct{}), make(chan struct{}, 1)
	first := make(chan error, 1)
	go func() { first <- leader.remove(t, "c3", false) }()
	<-leader.entered
	wantCode(t, leader.remove(t, "c2", true), codes.Aborted)
	_, err := leader.client.TransferLeadership(t.Context(), &wirepb.TransferLeadershipRequest{})
	wantCode(t, err, codes.Aborted)
	close(leader.holds)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// What raft cannot tell is unknown, and not refused.
func TestAChangeWhoseOutcomeIsUnknown(t *testing.T) {
	leader, _ := group(t, "c1", "c2", "c3")
	leader.err = errors.New("leadership lost while committing log")
	err := leader.remove(t, "c3", false)
	wantCode(t, err, codes.Unknown)
	if !strings.Contains(err.Error(), "nobody can tell whether the change was made") {
		t.Errorf("error %v", err)
	}
}

func TestTransfer(t *testing.T) {
	leader, all := group(t, "c1", "c2")
	for _, to := range []string{"c2", ""} {
		out, err := leader.client.TransferLeadership(t.Context(), &wirepb.TransferLeadershipRequest{Name: to})
		if err != nil || out.GetLeader() != "c2" || out.GetAddress() != all[1].address {
			t.Errorf("answer %v, error %v", out, err)
		}
	}
	out, err := leader.client.TransferLeadership(t.Context(), &wirepb.TransferLeadershipRequest{Name: "c1"}) // leads
	if err != nil || out.GetLeader() != "c1" {
		t.Errorf("answer %v, error %v", out, err)
	}
	leader.wantChanges(t, "transfer c2", "transfer ")
}

func TestTransferThatNobodyTakes(t *testing.T) {
	leader, _ := group(t, "c1", "c2")
	leader.set(func(f *fake) { f.err = errors.New("leadership transfer timeout") })
	if out, err := leader.client.TransferLeadership(t.Context(), &wirepb.TransferLeadershipRequest{}); err != nil || out.GetLeader() != "c2" {
		t.Errorf("raft gave up too soon, but c2 leads: %v, %v", out, err)
	}
	leader.set(func(f *fake) { f.stays = true })
	_, err := leader.client.TransferLeadership(t.Context(), &wirepb.TransferLeadershipRequest{})
	wantRefused(t, err, "no other member has taken the leadership over")
	leader.set(func(f *fake) { f.err, f.status.Members = nil, f.status.Members[:1] })
	_, err = leader.client.TransferLeadership(t.Context(), &wirepb.TransferLeadershipRequest{})
	wantCode(t, err, codes.Unknown)
}

// Nothing new is taken up while the leadership changes hands, and all goes on if
// nobody takes it.
func TestAPauseGoesWithEveryHandOver(t *testing.T) {
	leader, _ := group(t, "c1", "c2")
	var log []string
	leader.service.options.Pause = func(context.Context) func() {
		log = append(log, "pause", fmt.Sprint(len(leader.changes)))
		return func() { log = append(log, "resume", fmt.Sprint(len(leader.changes))) }
	}
	if _, err := leader.client.Drain(t.Context(), &wirepb.DrainRequest{}); err != nil {
		t.Error(err)
	}
	leader.set(func(f *fake) { f.err, f.stays = errors.New("leadership transfer timeout"), true })
	if _, err := leader.client.TransferLeadership(t.Context(), &wirepb.TransferLeadershipRequest{}); err == nil {
		t.Error("it was handed over")
	}
	leader.set(func(f *fake) { f.status.Learners = []string{"c2"} })
	if _, err := leader.client.TransferLeadership(t.Context(), &wirepb.TransferLeadershipRequest{}); err == nil {
		t.Error("it was handed over to a learner")
	}
	if want := []string{"pause", "0", "resume", "1", "pause", "1", "resume", "2"}; !slices.Equal(log, want) {
		t.Errorf("happened %q, want %q", log, want)
	}
}

func TestDrain(t *testing.T) {
	leader, all := group(t, "c1", "c2")
	out, err := all[1].client.Drain(t.Context(), &wirepb.DrainRequest{})
	if err != nil || out.GetLeader() != "c1" {
		t.Errorf("a follower answers %v, %v", out, err)
	}
	out, err = leader.client.Drain(t.Context(), &wirepb.DrainRequest{})
	if err != nil || out.GetLeader() != "c2" {
		t.Errorf("the leader answers %v, %v", out, err)
	}
	leader.wantChanges(t, "transfer ")
	all[1].wantChanges(t)
}
