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
	"github.com/lockstep-exec/lockstep/protocol"
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
	switch {
	case now.Role == replica.RoleWaiting:
		return wire.NotLeader("", fmt.Sprintf("%s waits to be added to a cluster", now.Name))
	case now.Leader.Name == "" || now.Leader.Name == now.Name:
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

// AddMember implements wirepb.ClusterServiceServer. A member that is there may be
// added again: with another address, which is then corrected.
func (s *Service) AddMember(ctx context.Context, in *wirepb.AddMemberRequest) (*wirepb.AddMemberResponse, error) {
	m := replica.Member{Name: in.GetName(), Address: in.GetAddress()}
	if m.Name == "" || m.Address == "" {
		return nil, status.Error(codes.InvalidArgument, "a coordinator needs a name and an address: give both")
	}
	return &wirepb.AddMemberResponse{}, s.change(func(now replica.Status) error { return s.add(ctx, now, m) })
}

func (s *Service) add(ctx context.Context, now replica.Status, m replica.Member) error {
	if slices.Contains(now.Members, m) {
		return nil
	}
	there := slices.ContainsFunc(now.Members, func(old replica.Member) bool { return old.Name == m.Name })
	directory, err := s.welcome(ctx, m, there)
	if err != nil {
		return err
	}
	if !there {
		if answer, all := answering(s.survey(ctx, now)), len(now.Members)+1; answer+1 < majority(all) {
			return refused("only %d of the %d members answer, and with %s a majority of %d is needed: bring those back that do not answer, or remove them, first",
				answer, len(now.Members), m.Name, majority(all))
		}
	}
	return s.result(s.group.Add(m, directory), "added "+m.Name)
}

// welcome makes sure that a newcomer is there and empty, or a member that has
// moved is at its new address: adding one that is not would cost a majority. It
// gives the data directory that the member has.
func (s *Service) welcome(ctx context.Context, m replica.Member, there bool) (d protocol.DirectoryID, err error) {
	answer, err := s.askOnce(ctx, m.Address)
	if err != nil {
		return d, refused("no coordinator answers at %s: start it there, on an empty directory with --name %s --join, then add it", m.Address, m.Name)
	}
	if reason := s.stranger(m, answer); reason != "" {
		return d, refused("%s", reason)
	}
	if !there && answer.GetSelf().GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_WAITING {
		return d, refused("%s does not wait to be added: start it on an empty directory with --join", m.Name)
	}
	if copy(d[:], answer.GetSelf().GetDirectory()) != len(d) {
		return d, refused("%s does not say which data directory it has: run the version of lockstep that this coordinator runs", m.Name)
	}
	return d, nil
}

// RemoveMember implements wirepb.ClusterServiceServer.
func (s *Service) RemoveMember(ctx context.Context, in *wirepb.RemoveMemberRequest) (*wirepb.RemoveMemberResponse, error) {
	return &wirepb.RemoveMemberResponse{}, s.change(func(now replica.Status) error { return s.remove(ctx, now, in) })
}

func (s *Service) remove(ctx context.Context, now replica.Status, in *wirepb.RemoveMemberRequest) error {
	name := in.GetName()
	if len(now.Members) > 1 && name != now.Name && !in.GetForce() {
		stay := slices.DeleteFunc(s.survey(ctx, now), func(m *wirepb.CoordinatorStatus) bool { return m.GetName() == name })
		if answer := answering(stay); answer < majority(len(stay)) {
			return refused("without %s only %d of %d coordinators answer, and a majority of %d is needed, so that nothing would be decided any more: bring the others back first (%s), or use --force",
				name, answer, len(stay), majority(len(stay)), strings.Join(missing(stay), ", "))
		}
	}
	return s.result(s.group.Remove(name), "removed "+name)
}

// majority of so many members.
func majority(n int) int { return n/2 + 1 }

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
		leader, err = s.handOver(ctx, in.GetName())
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
		err := s.change(func(replica.Status) (err error) {
			leader, err = s.handOver(ctx, "")
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
// waits until one does.
func (s *Service) handOver(ctx context.Context, to string) (replica.Member, error) {
	if err := s.group.Transfer(to); err != nil {
		if errors.Is(err, replica.ErrNotLeader) || errors.Is(err, replica.ErrRefused) {
			return replica.Member{}, s.result(err, "")
		}
		return replica.Member{}, refused("no other member has taken the leadership over (%v): see with \"lockstep cluster members\" who answers and is level", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.TakeOver)
	defer cancel()
	leader, err := s.group.AwaitOther(ctx)
	if err != nil {
		return leader, status.Error(codes.Unknown, "the leadership was given away and nobody has taken it yet: look with \"lockstep cluster members\"")
	}
	s.options.Logger.Info("handed the leadership over", "to", leader.Name)
	return leader, nil
}

// result logs a change that was made, or gives the error its status.
func (s *Service) result(err error, done string) error {
	switch {
	case err == nil:
		s.options.Logger.Info("the members have changed", "what", done)
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
