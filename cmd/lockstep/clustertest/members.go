package clustertest

import (
	"context"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// members is the ClusterService of a Server.
type members struct {
	wirepb.UnimplementedClusterServiceServer
	server *Server
}

// Changes are the changes of the members that were asked for, in order.
func (s *Server) Changes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.changes...)
}

// Here implements wirepb.ClusterServiceServer.
func (m members) Here(context.Context, *wirepb.HereRequest) (*wirepb.HereResponse, error) {
	self := &wirepb.CoordinatorStatus{Name: "c1", Address: m.server.Address, Role: wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER,
		State: wirepb.CoordinatorState_COORDINATOR_STATE_READY, Term: m.server.Term}
	out := &wirepb.HereResponse{Self: self, Leader: "c1", LeaderAddress: m.server.Address, Coordinators: m.server.Coordinators}
	if m.server.Leader != "" {
		self.Name, self.Role = "c2", wirepb.CoordinatorRole_COORDINATOR_ROLE_FOLLOWER
		out.LeaderAddress = m.server.Leader
	}
	return out, nil
}

// ListMembers gives Members.
func (m members) ListMembers(context.Context, *wirepb.ListMembersRequest) (*wirepb.ListMembersResponse, error) {
	if err := m.elsewhere(); err != nil {
		return nil, err
	}
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	return &wirepb.ListMembersResponse{Members: m.server.Members}, nil
}

// AddMember notes the change.
func (m members) AddMember(_ context.Context, in *wirepb.AddMemberRequest) (*wirepb.AddMemberResponse, error) {
	return &wirepb.AddMemberResponse{}, m.change("add " + in.GetName() + " " + in.GetAddress())
}

// RemoveMember notes the change.
func (m members) RemoveMember(_ context.Context, in *wirepb.RemoveMemberRequest) (*wirepb.RemoveMemberResponse, error) {
	what := "remove " + in.GetName()
	if in.GetForce() {
		what += " by force"
	}
	return &wirepb.RemoveMemberResponse{}, m.change(what)
}

// TransferLeadership notes the change.
func (m members) TransferLeadership(_ context.Context, in *wirepb.TransferLeadershipRequest) (*wirepb.TransferLeadershipResponse, error) {
	return &wirepb.TransferLeadershipResponse{Leader: "c2", Address: "127.0.0.1:7402"}, m.change("transfer " + in.GetName())
}

func (m members) change(what string) error {
	if err := m.elsewhere(); err != nil {
		return err
	}
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	m.server.changes = append(m.server.changes, what)
	return m.server.ChangeError
}

func (m members) elsewhere() error {
	if m.server.Leader != "" {
		return wire.NotLeader(m.server.Leader, "this one does not lead")
	}
	return nil
}
