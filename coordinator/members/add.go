package members

import (
	"context"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// AddMember implements wirepb.ClusterServiceServer. A newcomer becomes a learner,
// and a learner that has caught up gets a vote; so the call is repeated until it
// has, and it does not matter who led meanwhile, or how often it was made. A member
// that is there may be added with another address, which is then corrected.
func (s *Service) AddMember(ctx context.Context, in *wirepb.AddMemberRequest) (*wirepb.AddMemberResponse, error) {
	m := replica.Member{Name: in.GetName(), Address: in.GetAddress()}
	if m.Name == "" || m.Address == "" {
		return nil, status.Error(codes.InvalidArgument, "a coordinator needs a name and an address: give both")
	}
	now, err := s.leading()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(now.Members, m) {
		if err := s.change(func(now replica.Status) error { return s.add(ctx, now, m) }); err != nil {
			return nil, err
		}
	}
	found, err := s.find(ctx, m.Name)
	if err == nil && levelLearner(found) {
		if err = s.change(func(now replica.Status) error { return s.promote(ctx, now, m.Name) }); err == nil {
			found, err = s.find(ctx, m.Name)
		}
	}
	return &wirepb.AddMemberResponse{Member: found}, err
}

// add makes a newcomer a learner, or corrects an address.
func (s *Service) add(ctx context.Context, now replica.Status, m replica.Member) error {
	if slices.Contains(now.Members, m) {
		return nil
	}
	there := slices.ContainsFunc(now.Members, func(old replica.Member) bool { return old.Name == m.Name })
	if err := s.welcome(ctx, m, there); err != nil {
		return err
	}
	done := "corrected the address of " + m.Name
	if !there {
		done = "added " + m.Name + " as a learner"
		if err := enough(s.survey(ctx, now), m.Name); err != nil {
			return err
		}
	}
	return s.result(s.group.Add(m), done)
}

// promote gives a learner a vote that has caught up, and is still level when nobody
// else changes the members.
func (s *Service) promote(ctx context.Context, now replica.Status, name string) error {
	all := s.survey(ctx, now)
	if i := indexOf(all, name); i < 0 || !levelLearner(all[i]) {
		return nil
	}
	if err := enough(all, name); err != nil {
		return err
	}
	return s.result(s.group.Promote(name), "gave "+name+" a vote")
}

// enough refuses a vote for a newcomer that answers, if there is no majority with
// it.
func enough(all []*wirepb.CoordinatorStatus, name string) error {
	voters := votersOf(all)
	if answer := answering(voters); answer+1 < majority(len(voters)+1) {
		return refused("only %d of the %d members answer, and with %s a majority of %d is needed: bring those back that do not answer, or remove them, first",
			answer, len(voters), name, majority(len(voters)+1))
	}
	return nil
}

// levelLearner reports whether a member waits for nothing but its vote.
func levelLearner(m *wirepb.CoordinatorStatus) bool {
	return m.GetRole() == wirepb.CoordinatorRole_COORDINATOR_ROLE_LEARNER && m.GetState() == wirepb.CoordinatorState_COORDINATOR_STATE_READY
}

// find gives a member as it is now.
func (s *Service) find(ctx context.Context, name string) (*wirepb.CoordinatorStatus, error) {
	now, err := s.leading()
	if err != nil {
		return nil, err
	}
	all := s.survey(ctx, now)
	i := indexOf(all, name)
	if i < 0 {
		return nil, refused("%s was removed meanwhile", name)
	}
	return all[i], nil
}

func indexOf(all []*wirepb.CoordinatorStatus, name string) int {
	return slices.IndexFunc(all, func(m *wirepb.CoordinatorStatus) bool { return m.GetName() == name })
}

// welcome makes sure that a newcomer is there and empty, or a member that has
// moved is at its new address: adding one that is not would cost a majority.
func (s *Service) welcome(ctx context.Context, m replica.Member, there bool) error {
	answer, err := s.askOnce(ctx, m.Address)
	if err != nil {
		return refused("no coordinator answers at %s: start it there, on an empty directory with --name %s --join, then add it", m.Address, m.Name)
	}
	if reason := s.stranger(m, answer); reason != "" {
		return refused("%s", reason)
	}
	if !there && answer.GetSelf().GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_WAITING {
		return refused("%s does not wait to be added: start it on an empty directory with --join", m.Name)
	}
	return nil
}
