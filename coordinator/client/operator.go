package client

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// InDoubt lists what is in doubt, page by page, and gives with each what could not
// be looked at.
func (c *Coordinator) InDoubt(ctx context.Context, each func(*wirepb.ListInDoubtResponse)) error {
	for from := uint64(0); ; {
		request := &wirepb.ListInDoubtRequest{FromHeight: from, Limit: pageBlocks}
		page, err := read(ctx, c, func(ctx context.Context, p *peer) (*wirepb.ListInDoubtResponse, error) {
			return p.operator.ListInDoubt(ctx, request)
		})
		if err != nil {
			return err
		}
		each(page)
		if page.GetNextHeight() <= from {
			return nil
		}
		from = page.GetNextHeight()
	}
}

// Doubt gives all the evidence about one block, by its key, or by its height if
// that is not 0.
func (c *Coordinator) Doubt(ctx context.Context, height uint64, key string) (*wirepb.ShowInDoubtResponse, error) {
	request := &wirepb.ShowInDoubtRequest{By: &wirepb.ShowInDoubtRequest_Key{Key: key}}
	if height > 0 {
		request.By = &wirepb.ShowInDoubtRequest_Height{Height: height}
	}
	return read(ctx, c, func(ctx context.Context, p *peer) (*wirepb.ShowInDoubtResponse, error) {
		return p.operator.ShowInDoubt(ctx, request)
	})
}

// Resolve has a block settled. It is asked again only of a coordinator that sends it
// on, and so has not taken it up: done twice, it might hit the same block when it was
// submitted anew. Ask for the evidence before, so that the leader is known.
func (c *Coordinator) Resolve(ctx context.Context, request *wirepb.ResolveInDoubtRequest) (*wirepb.ResolveInDoubtResponse, error) {
	return ask(ctx, c, func(ctx context.Context, p *peer) (*wirepb.ResolveInDoubtResponse, error) {
		response, err := p.operator.ResolveInDoubt(ctx, request)
		if _, elsewhere := wire.Leader(err); status.Code(err) == codes.Unavailable && !elsewhere {
			return nil, status.Errorf(codes.Unknown, "nobody can tell whether it was done, for the connection was lost (%s): look at what is in doubt, and at the record of what was done", status.Convert(err).Message())
		}
		return response, err
	})
}

// Resolved gives the newest acts of operators, oldest first.
func (c *Coordinator) Resolved(ctx context.Context) ([]*wirepb.Resolved, error) {
	response, err := read(ctx, c, func(ctx context.Context, p *peer) (*wirepb.ListResolvedResponse, error) {
		return p.operator.ListResolved(ctx, &wirepb.ListResolvedRequest{})
	})
	return response.GetActs(), err
}

// Prepared gives what the shard has promised, also while no coordinator leads.
func (s *Shard) Prepared(ctx context.Context) (*wirepb.ShardServiceListPreparedResponse, error) {
	response, err := s.client.ListPrepared(ctx, &wirepb.ShardServiceListPreparedRequest{})
	return response, s.server.explain(ctx, err)
}
