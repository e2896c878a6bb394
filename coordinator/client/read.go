package client

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Get reads keys, all as of one committed height; the newest if height is 0.
func (c *Coordinator) Get(ctx context.Context, keys [][]byte, height uint64) (*wirepb.GetResponse, error) {
	request := &wirepb.GetRequest{Keys: keys, AtHeight: optional(height)}
	response, err := read(ctx, c, func(ctx context.Context, p *peer) (*wirepb.GetResponse, error) { return p.api.Get(ctx, request) })
	if err == nil && len(response.GetValues()) != len(keys) {
		return nil, fmt.Errorf("the coordinator answers with %d values for %d keys: is it of another version?", len(response.GetValues()), len(keys))
	}
	return response, err
}

// Status gives the cluster at a glance, as the coordinator sees it that leads.
func (c *Coordinator) Status(ctx context.Context) (*wirepb.ClusterStatus, error) {
	response, err := read(ctx, c, statusOfLeader)
	return response.GetStatus(), err
}

// statusOfLeader refuses a coordinator that does not lead: it answers too, but
// does not know everything.
func statusOfLeader(ctx context.Context, p *peer) (*wirepb.StatusResponse, error) {
	here, err := p.cluster.Here(ctx, &wirepb.HereRequest{})
	switch {
	case status.Code(err) == codes.Unimplemented: // a release that knows one coordinator only
	case err != nil:
		return nil, err
	case here.GetLeaderAddress() == "" && here.GetSelf().GetReason() != "":
		return nil, wire.NotMember(here.GetSelf().GetReason())
	case here.GetSelf().GetRole() != wirepb.CoordinatorRole_COORDINATOR_ROLE_LEADER:
		return nil, wire.NotLeader(here.GetLeaderAddress(), here.GetSelf().GetName()+" does not lead")
	}
	return p.api.Status(ctx, &wirepb.StatusRequest{})
}

// StatusHere gives what the coordinator at the first address knows, whether it
// leads or not.
func (c *Coordinator) StatusHere(ctx context.Context) (*wirepb.ClusterStatus, *wirepb.HereResponse, error) {
	p := c.preferred()
	here, err := p.cluster.Here(ctx, &wirepb.HereRequest{})
	if err != nil {
		return nil, nil, p.explain(ctx, err)
	}
	response, err := p.api.Status(ctx, &wirepb.StatusRequest{})
	return response.GetStatus(), here, p.explain(ctx, err)
}

// Block looks a committed block up by its key.
func (c *Coordinator) Block(ctx context.Context, key string) (*wirepb.Block, error) {
	response, err := c.GetBlock(ctx, &wirepb.GetBlockRequest{By: &wirepb.GetBlockRequest_Key{Key: key}})
	if status.Code(err) == codes.NotFound {
		return nil, fmt.Errorf("no block with key %q is committed", key)
	}
	return response.GetBlock(), err
}

// GetBlock is the call of that name, to the coordinator that leads.
func (c *Coordinator) GetBlock(ctx context.Context, request *wirepb.GetBlockRequest) (*wirepb.GetBlockResponse, error) {
	return read(ctx, c, func(ctx context.Context, p *peer) (*wirepb.GetBlockResponse, error) {
		return p.api.GetBlock(ctx, request)
	})
}

// ListBlocks is the call of that name, to the coordinator that leads.
func (c *Coordinator) ListBlocks(ctx context.Context, request *wirepb.ListBlocksRequest) (*wirepb.ListBlocksResponse, error) {
	return read(ctx, c, func(ctx context.Context, p *peer) (*wirepb.ListBlocksResponse, error) {
		return p.api.ListBlocks(ctx, request)
	})
}

// ListTimelines is the call of that name, to the coordinator that leads.
func (c *Coordinator) ListTimelines(ctx context.Context, request *wirepb.ListTimelinesRequest) (*wirepb.ListTimelinesResponse, error) {
	return read(ctx, c, func(ctx context.Context, p *peer) (*wirepb.ListTimelinesResponse, error) {
		return p.api.ListTimelines(ctx, request)
	})
}

func optional(height uint64) *uint64 {
	if height == 0 {
		return nil
	}
	return &height
}
