package clustertest

import (
	"context"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Commit commits the block, or gives the first answer again. Every third
// transaction has insufficient funds.
func Commit(_ context.Context, s *Server, in *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
	b, err := s.commit(in)
	if err != nil {
		return nil, err
	}
	return &wirepb.SubmitBlockResponse{Decision: wirepb.Decision_DECISION_COMMITTED, Block: b}, nil
}

// CommitAndCut commits the block, and breaks the connection before the answer.
func CommitAndCut(_ context.Context, s *Server, in *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
	_, err := s.commit(in)
	s.Cut()
	return nil, err
}

// Cut breaks the connection and does nothing.
func Cut(_ context.Context, s *Server, _ *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
	s.Cut()
	return nil, nil
}

// Hang says nothing until the client gives up, as a process does that is stopped.
func Hang(ctx context.Context, _ *Server, _ *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
	<-ctx.Done()
	return nil, status.FromContextError(ctx.Err()).Err()
}

// Decide gives a decision that is not to commit.
func Decide(d wirepb.Decision, reason string) Step {
	return func(context.Context, *Server, *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
		return &wirepb.SubmitBlockResponse{Decision: d, Reason: reason}, nil
	}
}

// Fail gives an error.
func Fail(code codes.Code, message string) Step {
	return func(context.Context, *Server, *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
		return nil, status.Error(code, message)
	}
}

// Redirect sends the client to the coordinator at an address, or, without one, says
// that none leads.
func Redirect(leader string) Step {
	return func(context.Context, *Server, *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
		return nil, wire.NotLeader(leader, "this one does not lead")
	}
}

// Overloaded asks the client to come back.
func Overloaded(context.Context, *Server, *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
	st, err := status.New(codes.ResourceExhausted, "8 blocks are waiting already").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		return nil, err
	}
	return nil, st.Err()
}

func (s *Server) commit(in *wirepb.SubmitBlockRequest) (*wirepb.Block, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, known := s.content[in.GetKey()]
	switch {
	case known && content != string(in.GetBody()):
		return nil, status.Errorf(codes.AlreadyExists, "block key %q belongs to a block with other content", in.GetKey())
	case known:
		at := slices.IndexFunc(s.blocks, func(b *wirepb.Block) bool { return b.GetKey() == in.GetKey() })
		return s.blocks[at], nil
	}
	transactions, err := protocol.DecodeBody(in.GetBody(), protocol.DefaultLimits())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	b := s.decided(in, len(transactions))
	s.content[in.GetKey()] = string(in.GetBody())
	s.blocks = append(s.blocks, b)
	return b, nil
}

// decided makes the header of the next block.
func (s *Server) decided(in *wirepb.SubmitBlockRequest, transactions int) *wirepb.Block {
	height := uint64(len(s.blocks) + 1)
	outcomes := protocol.NewOutcomes(transactions)
	for i := range transactions {
		name := protocol.OutcomeApplied
		if i%3 == 2 {
			name = "insufficient_funds"
		}
		_ = outcomes.Set(i, name) // two short names fit
	}
	id := protocol.BlockID(in.GetKey(), in.GetBody())
	digests := []protocol.Digest{{0: byte(height)}, {1: byte(height)}}
	root := protocol.ChainRoot(protocol.Digest{}, protocol.Height(height), id, digests)
	b := &wirepb.Block{
		Height: height, Key: in.GetKey(), BlockId: id[:], Attempt: &wirepb.AttemptID{Height: height, Epoch: 3, Attempt: 1},
		Transactions: uint64(transactions), Root: root[:], ShardDigests: [][]byte{digests[0][:], digests[1][:]}, DecidedUnixMs: 1_700_000_000_000 + height,
	}
	for _, name := range protocol.SortedCounts(outcomes.Counts()) {
		b.OutcomeCounts = append(b.OutcomeCounts, &wirepb.OutcomeCount{Name: name, Count: uint64(outcomes.Counts()[name])})
	}
	if in.GetIncludeOutcomes() {
		b.Outcomes = &wirepb.Outcomes{Names: outcomes.Names, Codes: outcomes.Codes}
	}
	return b
}

func config() *wirepb.ClusterConfig {
	return wire.Config(protocol.Config{Cluster: protocol.ClusterID{0: 1}, Slots: protocol.EvenSlots(2), Limits: protocol.DefaultLimits()})
}
