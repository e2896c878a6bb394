// Package clustertest is a cluster for tests: a server of the client API on
// loopback that answers as it is told, and keeps no promise but that one.
package clustertest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Step answers one block, submitted alone or on a stream.
type Step func(context.Context, *Server, *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error)

// Server is a coordinator and a shard at one address. Set the fields before
// the first call.
type Server struct {
	wirepb.UnimplementedCoordinatorServiceServer

	// Cluster is what Status answers.
	Cluster *wirepb.ClusterStatus
	// Steps answer the blocks in turn, and Rest those after them.
	Steps []Step
	Rest  Step
	// State is what Get reads, as of the newest height.
	State map[string][]byte
	// Shard is the shard that ShardService is.
	Shard *wirepb.ShardStatus
	// Members are the coordinators that ClusterService lists.
	Members []*wirepb.CoordinatorStatus
	// Leader is where this coordinator sends clients; "" if it leads itself.
	Leader string
	// Term is that of the group, and Coordinators the addresses of all members.
	Term         uint64
	Coordinators []string
	// ChangeError is what every change of the members comes to.
	ChangeError error

	Address string // HOST:PORT

	listener *listener
	mu       sync.Mutex
	calls    int
	blocks   []*wirepb.Block // committed, by height from 1
	content  map[string]string
	changes  []string
}

// Start serves until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Cluster: &wirepb.ClusterStatus{Config: config()}, State: map[string][]byte{}, Shard: &wirepb.ShardStatus{},
		Rest:    Commit,
		Address: l.Addr().String(), listener: &listener{Listener: l}, content: map[string]string{},
	}
	server := rpc.NewServer(rpc.ServerOptions{})
	wirepb.RegisterCoordinatorServiceServer(server, s)
	wirepb.RegisterShardServiceServer(server, shard{server: s})
	wirepb.RegisterClusterServiceServer(server, members{server: s})
	done := make(chan error, 1)
	go func() { done <- server.Serve(s.listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

// Blocks gives what was committed, in order.
func (s *Server) Blocks() []*wirepb.Block {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*wirepb.Block(nil), s.blocks...)
}

// Add commits a block, whatever it says.
func (s *Server) Add(b *wirepb.Block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocks = append(s.blocks, b)
}

// Calls is how many blocks were submitted, those sent again among them.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Cut breaks all connections, as a process does that is killed.
func (s *Server) Cut() { s.listener.cut() }

// SubmitBlock takes the next step.
func (s *Server) SubmitBlock(ctx context.Context, in *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
	return s.next()(ctx, s, in)
}

// SubmitBlocks takes a step for each block. One that is not committed is the last.
func (s *Server) SubmitBlocks(stream grpc.BidiStreamingServer[wirepb.SubmitBlockRequest, wirepb.SubmitBlocksResponse]) error {
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		result, err := s.next()(stream.Context(), s, in)
		if err != nil {
			return err
		}
		if err := stream.Send(&wirepb.SubmitBlocksResponse{Key: in.GetKey(), Result: result}); err != nil {
			return err
		}
		if result.GetDecision() != wirepb.Decision_DECISION_COMMITTED {
			return nil
		}
	}
}

func (s *Server) next() Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.Leader != "" {
		return Redirect(s.Leader)
	}
	if s.calls <= len(s.Steps) {
		return s.Steps[s.calls-1]
	}
	return s.Rest
}

// Get reads from State.
func (s *Server) Get(_ context.Context, in *wirepb.GetRequest) (*wirepb.GetResponse, error) {
	if s.Leader != "" {
		return nil, wire.NotLeader(s.Leader, "this one does not lead")
	}
	if at := in.GetAtHeight(); at > s.Cluster.GetHeight() {
		return nil, status.Errorf(codes.OutOfRange, "height %d is not committed yet", at)
	}
	return &wirepb.GetResponse{Height: s.Cluster.GetHeight(), Values: s.values(in.GetKeys())}, nil
}

func (s *Server) values(keys [][]byte) []*wirepb.Value {
	values := make([]*wirepb.Value, len(keys))
	for i, key := range keys {
		value, found := s.State[string(key)]
		values[i] = &wirepb.Value{Found: found, Value: value}
	}
	return values
}

// Status gives Cluster.
func (s *Server) Status(context.Context, *wirepb.StatusRequest) (*wirepb.StatusResponse, error) {
	return &wirepb.StatusResponse{Status: s.Cluster}, nil
}

// GetBlock finds a committed block by its key.
func (s *Server) GetBlock(_ context.Context, in *wirepb.GetBlockRequest) (*wirepb.GetBlockResponse, error) {
	for _, b := range s.Blocks() {
		if b.GetKey() == in.GetKey() {
			return &wirepb.GetBlockResponse{Block: b}, nil
		}
	}
	return nil, status.Error(codes.NotFound, "no such block")
}

// ListBlocks lists committed blocks.
func (s *Server) ListBlocks(_ context.Context, in *wirepb.ListBlocksRequest) (*wirepb.ListBlocksResponse, error) {
	all := s.Blocks()
	limit := min(int(in.GetLimit()), 1000)
	if limit == 0 {
		limit = 100
	}
	first := int(in.GetFromHeight()) - 1
	if first < 0 {
		first = max(len(all)-limit, 0)
	}
	first = min(first, len(all))
	return &wirepb.ListBlocksResponse{Height: uint64(len(all)), Blocks: all[first:min(first+limit, len(all))]}, nil
}
