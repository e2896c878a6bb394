package client

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call is one SubmitBlock that a stub got.
type call struct {
	at      time.Duration // since the stub was made
	key     string
	body    string
	timeout time.Duration
}

// reply is what a stub says to one call.
type reply func(ctx context.Context) (*wirepb.SubmitBlockResponse, error)

// stub is a coordinator that answers as it is told; the last reply is repeated.
type stub struct {
	wirepb.CoordinatorServiceClient
	born    time.Time
	replies []reply

	mu    sync.Mutex
	calls []call
}

func (s *stub) SubmitBlock(ctx context.Context, in *wirepb.SubmitBlockRequest, _ ...grpc.CallOption) (*wirepb.SubmitBlockResponse, error) {
	s.mu.Lock()
	s.calls = append(s.calls, call{time.Since(s.born), in.GetKey(), string(in.GetBody()), time.Duration(in.GetTimeoutMs()) * time.Millisecond})
	say := s.replies[min(len(s.calls), len(s.replies))-1]
	s.mu.Unlock()
	return say(ctx)
}

// of makes a Coordinator whose servers are stubs, named a:1, b:1 …
func of(stubs ...*stub) *Coordinator {
	c := &Coordinator{given: len(stubs)}
	for i, s := range stubs {
		s.born = time.Now()
		c.peers = append(c.peers, &peer{server: server{"coordinator", string(rune('a'+i)) + ":1"}, api: s})
	}
	c.current = c.peers[0]
	return c
}

func says(replies ...reply) *stub { return &stub{replies: replies} }

func committed(context.Context) (*wirepb.SubmitBlockResponse, error) {
	return &wirepb.SubmitBlockResponse{Decision: wirepb.Decision_DECISION_COMMITTED, Block: &wirepb.Block{Height: 7}}, nil
}

func decides(d wirepb.Decision, reason string) reply {
	return func(context.Context) (*wirepb.SubmitBlockResponse, error) {
		return &wirepb.SubmitBlockResponse{Decision: d, Reason: reason}, nil
	}
}

func fails(code codes.Code, message string) reply {
	return func(context.Context) (*wirepb.SubmitBlockResponse, error) { return nil, status.Error(code, message) }
}

// overloaded asks to come back after a delay, as a server does that has not
// taken the block up.
func overloaded(delay time.Duration) reply {
	st, err := status.New(codes.ResourceExhausted, "8 blocks are waiting already").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	if err != nil {
		panic(err)
	}
	return func(context.Context) (*wirepb.SubmitBlockResponse, error) { return nil, st.Err() }
}

// silent never answers.
func silent(ctx context.Context) (*wirepb.SubmitBlockResponse, error) {
	<-ctx.Done()
	return nil, status.FromContextError(ctx.Err()).Err()
}
