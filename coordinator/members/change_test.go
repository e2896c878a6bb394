package members

import (
	"errors"
	"fmt"
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

func (m *served) add(t *testing.T, name, address string) error {
	_, err := m.client.AddMember(t.Context(), &wirepb.AddMemberRequest{Name: name, Address: address})
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

func TestAdd(t *testing.T) {
	leader, all := group(t, "c1", "c2", "c3")
	c4 := newcomer(t, "c4")
	if err := leader.add(t, "c4", c4.address); err != nil {
		t.Fatal(err)
	}
	if err := leader.add(t, "c2", all[1].address); err != nil { // is there
		t.Error(err)
	}
	leader.wantChanges(t, "add c4 "+c4.address)
	if leader.added != c4.identity.Directory {
		t.Errorf("c4 was added with directory %v, want %v", leader.added, c4.identity.Directory)
	}
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
	_, err := leader.client.TransferLeadership(t.Context(), &wirepb.TransferLeadershipRequest{})
	wantRefused(t, err, "no other member has taken the leadership over")
	leader.set(func(f *fake) { f.err, f.status.Members = nil, f.status.Members[:1] })
	_, err = leader.client.TransferLeadership(t.Context(), &wirepb.TransferLeadershipRequest{})
	wantCode(t, err, codes.Unknown)
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
