package clustertest

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// shard is the ShardService of a Server.
type shard struct {
	wirepb.UnimplementedShardServiceServer
	server *Server
}

func (s shard) Get(_ context.Context, in *wirepb.ShardServiceGetRequest) (*wirepb.ShardServiceGetResponse, error) {
	if s.server.Shard.GetReason() != "" {
		return nil, status.Error(codes.FailedPrecondition, s.server.Shard.GetReason())
	}
	return &wirepb.ShardServiceGetResponse{
		Height: s.server.Shard.GetCommittedHeight(), Shard: s.server.Shard.GetId(), Values: s.server.values(in.GetKeys()),
	}, nil
}

func (s shard) Status(context.Context, *wirepb.ShardServiceStatusRequest) (*wirepb.ShardServiceStatusResponse, error) {
	return &wirepb.ShardServiceStatusResponse{Status: s.server.Shard}, nil
}
