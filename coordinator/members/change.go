package members

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// leading gives the group if this member leads it; the error sends the caller to
// the one that does.
func (s *Service) leading() (replica.Status, error) {
	now := s.group.Status()
	if now.Role != replica.RoleLeader {
		return now, elsewhere(now)
	}
	return now, nil
}

func elsewhere(now replica.Status) error {
	known := now.Leader.Name != "" && now.Leader.Name != now.Name
	switch {
	case !known && now.Standing != replica.StandingMember:
		return wire.NotMember(now.Reason)
	case !known:
		return wire.NotLeader("", fmt.Sprintf("%s does not lead, and no coordinator does for now", now.Name))
	}
	return wire.NotLeader(now.Leader.Address, fmt.Sprintf("%s does not lead; the leader is %s at %s", now.Name, now.Leader.Name, now.Leader.Address))
}

func refused(format string, args ...any) error {
	return status.Errorf(codes.FailedPrecondition, format, args...)
}

// ListMembers implements wirepb.ClusterServiceServer.
func (s *Service) ListMembers(ctx context.Context, _ *wirepb.ListMembersRequest) (*wirepb.ListMembersResponse, error) {
	now, err := s.leading()
	if err != nil {
		return nil, err
	}
	return &wirepb.ListMembersResponse{Members: s.survey(ctx, now)}, nil
}

// change lets one change of the members be made at a time, by the leader.
func (s *Service) change(do func(replica.Status) error) error {
	now, err := s.leading()
	if err != nil {
		return err
	}
	if !s.changing.TryLock() {
		return errUnderWay
	}
	defer s.changing.Unlock()
	return do(now)
}

var errUnderWay = status.Error(codes.Aborted, "another change of the members is under way: wait until it is done, then try again")

// RemoveMember implements wirepb.ClusterServiceServer.
func (s *Service) RemoveMember(ctx context.Context, in *wirepb.RemoveMemberRequest) (*wirepb.RemoveMemberResponse, error) {
	return &wirepb.RemoveMemberResponse{}, s.change(func(now replica.Status) error { return s.remove(ctx, now, in) })
}

func (s *Service) remove(ctx context.Context, now replica.Status, in *wirepb.RemoveMemberRequest) error {
	name := in.GetName()
	if name != now.Name && !slices.Contains(now.Learners, name) && !in.GetForce() {
		stay := slices.DeleteFunc(votersOf(s.survey(ctx, now)), func(m *wirepb.CoordinatorStatus) bool { return m.GetName() == name })
		if answer := answering(stay); answer < majority(len(stay)) {
			return refused("without %s only %d of %d coordinators answer, and a majority of %d is needed, so that nothing would be decided any more: bring the others back first (%s), or use --force",
				name, answer, len(stay), majority(len(stay)), strings.Join(missing(stay), ", "))
		}
	}
	return s.result(s.group.Remove(name), "removed "+name)
}

// majority of so many members.
func majority(n int) int { return n/2 + 1 }

// votersOf leaves the learners out, which count in no majority.
func votersOf(all []*wirepb.CoordinatorStatus) (voters []*wirepb.CoordinatorStatus) {
	for _, m := range all {
		if m.GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER {
			voters = append(voters, m)
		}
	}
	return voters
}

// answering counts the members that take part.
func answering(all []*wirepb.CoordinatorStatus) int { return len(all) - len(missing(all)) }

// missing names the members that do not take part.
func missing(all []*wirepb.CoordinatorStatus) (names []string) {
	for _, m := range all {
		switch m.GetState() {
		case wirepb.CoordinatorState_COORDINATOR_STATE_UNREACHABLE, wirepb.CoordinatorState_COORDINATOR_STATE_REFUSED:
			names = append(names, m.GetName())
		}
	}
	return names
}

// TransferLeadership implements wirepb.ClusterServiceServer.
func (s *Service) TransferLeadership(ctx context.Context, in *wirepb.TransferLeadershipRequest) (*wirepb.TransferLeadershipResponse, error) {
	var leader replica.Member
	err := s.change(func(now replica.Status) (err error) {
		if in.GetName() == now.Name {
			leader = now.Leader
			return nil
		}
		leader, err = s.handOver(ctx, now, in.GetName())
		return err
	})
	return &wirepb.TransferLeadershipResponse{Leader: leader.Name, Address: leader.Address}, err
}

// Drain implements wirepb.ClusterServiceServer.
func (s *Service) Drain(ctx context.Context, _ *wirepb.DrainRequest) (*wirepb.DrainResponse, error) {
	now := s.group.Status()
	leader := now.Leader
	switch {
	case now.Role == replica.RoleLeader:
		err := s.change(func(now replica.Status) (err error) {
			leader, err = s.handOver(ctx, now, "")
			return err
		})
		if err != nil {
			return nil, err
		}
	case leader.Name == "" || leader.Name == now.Name:
		return nil, elsewhere(now)
	}
	return &wirepb.DrainResponse{Leader: leader.Name, Address: leader.Address}, nil
}

// handOver has another member lead, "" for the one that is most up to date, and
// waits until one does. Meanwhile nothing new is taken up here; if nobody takes the
// leadership over, this member goes on.
func (s *Service) handOver(ctx context.Context, now replica.Status, to string) (replica.Member, error) {
	if len(now.Members)-len(now.Learners) > 1 {
		defer s.options.Pause(ctx)()
	}
	err := s.group.Transfer(to)
	if errors.Is(err, replica.ErrNotLeader) || errors.Is(err, replica.ErrRefused) {
		return replica.Member{}, s.result(err, "")
	}
	patience := s.options.TakeOver
	if err != nil {
		patience /= 5 // raft is impatient: the other one may be about to lead
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	leader, nobody := s.group.AwaitOther(ctx)
	switch {
	case nobody == nil:
		s.options.Logger.Info("handed the leadership over", "member", leader.Name)
		return leader, nil
	case err != nil:
		return leader, refused("no other member has taken the leadership over (%v): see with \"lockstep cluster members\" who answers and is level", err)
	}
	return leader, status.Error(codes.Unknown, "the leadership was given away and nobody has taken it yet: look with \"lockstep cluster members\"")
}

// result logs a change that was made, or gives the error its status.
func (s *Service) result(err error, done string) error {
	switch {
	case err == nil:
		s.options.Logger.Info("the members have changed", "change", done)
		return nil
	case errors.Is(err, replica.ErrNotLeader):
		return elsewhere(s.group.Status())
	case errors.Is(err, replica.ErrRefused):
		return refused("%s", strings.TrimPrefix(err.Error(), replica.ErrRefused.Error()+": "))
	case errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return errUnderWay
	}
	return status.Errorf(codes.Unknown, "nobody can tell whether the change was made (%v): look with \"lockstep cluster members\"", err)
}
