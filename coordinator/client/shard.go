package client

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Shard reads one shard directly, also while the coordinator is away.
type Shard struct {
	server server
	conn   *grpc.ClientConn
	client wirepb.ShardServiceClient
}

// NewShard takes the address of one shard, which is reached in plaintext. It connects
// when it is first asked.
func NewShard(address string) (*Shard, error) { return NewShardAs(nil, address) }

// NewShardAs is NewShard for whoever proves who it is; nil for plaintext.
func NewShardAs(i *identity.Identity, address string) (*Shard, error) {
	if err := checkAddress(address); err != nil {
		return nil, err
	}
	conn, err := rpc.Dial(address, i.Expecting(identity.Shard, ""))
	if err != nil {
		return nil, fmt.Errorf("%q is not an address: %w", address, err)
	}
	return &Shard{server: server{"shard", address}, conn: conn, client: wirepb.NewShardServiceClient(conn)}, nil
}

// Close ends the connection.
func (s *Shard) Close() error { return s.conn.Close() }

// Get reads keys of the shard, all as of one height; the newest that the shard
// has committed if height is 0.
func (s *Shard) Get(ctx context.Context, keys [][]byte, height uint64) (*wirepb.ShardServiceGetResponse, error) {
	response, err := s.client.Get(ctx, &wirepb.ShardServiceGetRequest{Keys: keys, AtHeight: optional(height)})
	if err == nil && len(response.GetValues()) != len(keys) {
		return nil, fmt.Errorf("the shard answers with %d values for %d keys: is it of another version?", len(response.GetValues()), len(keys))
	}
	return response, s.server.explain(ctx, err)
}
