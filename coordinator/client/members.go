package client

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Members gives the coordinators of the cluster as the one sees them that leads;
// none if it is of a release that knows one coordinator only.
func (c *Coordinator) Members(ctx context.Context) ([]*wirepb.CoordinatorStatus, error) {
	response, err := read(ctx, c, func(ctx context.Context, p *peer) (*wirepb.ListMembersResponse, error) {
		return p.cluster.ListMembers(ctx, &wirepb.ListMembersRequest{})
	})
	if status.Code(err) == codes.Unimplemented {
		return nil, nil
	}
	return response.GetMembers(), err
}

// AddMember makes an empty coordinator that waits to be added a learner, gives a
// learner that has caught up its vote, or corrects the address of a member. It
// gives the member as it is then; nil from a coordinator of a release that knows no
// learners.
func (c *Coordinator) AddMember(ctx context.Context, name, address string) (*wirepb.CoordinatorStatus, error) {
	response, err := ask(ctx, c, func(ctx context.Context, p *peer) (*wirepb.AddMemberResponse, error) {
		return p.cluster.AddMember(ctx, &wirepb.AddMemberRequest{Name: name, Address: address})
	})
	return response.GetMember(), err
}

// RemoveMember takes a coordinator out of the cluster.
func (c *Coordinator) RemoveMember(ctx context.Context, name string, force bool) error {
	_, err := ask(ctx, c, func(ctx context.Context, p *peer) (*wirepb.RemoveMemberResponse, error) {
		return p.cluster.RemoveMember(ctx, &wirepb.RemoveMemberRequest{Name: name, Force: force})
	})
	return err
}

// Transfer has another coordinator lead, "" for the one that is most up to date,
// and gives the one that does.
func (c *Coordinator) Transfer(ctx context.Context, name string) (*wirepb.TransferLeadershipResponse, error) {
	return ask(ctx, c, func(ctx context.Context, p *peer) (*wirepb.TransferLeadershipResponse, error) {
		return p.cluster.TransferLeadership(ctx, &wirepb.TransferLeadershipRequest{Name: name})
	})
}
