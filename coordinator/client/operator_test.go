package client

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// clerk is a coordinator that answers an operator with one error, or with done.
type clerk struct {
	wirepb.OperatorServiceClient
	err   error
	asked int
}

func (c *clerk) ResolveInDoubt(context.Context, *wirepb.ResolveInDoubtRequest, ...grpc.CallOption) (*wirepb.ResolveInDoubtResponse, error) {
	c.asked++
	return &wirepb.ResolveInDoubtResponse{Result: wirepb.ResolveResult_RESOLVE_RESULT_DONE}, c.err
}

func (c *clerk) ListInDoubt(_ context.Context, in *wirepb.ListInDoubtRequest, _ ...grpc.CallOption) (*wirepb.ListInDoubtResponse, error) {
	c.asked++
	out := &wirepb.ListInDoubtResponse{Blocks: []*wirepb.InDoubt{{Height: max(in.GetFromHeight(), 1)}}}
	if in.GetFromHeight() < 3 {
		out.NextHeight = max(in.GetFromHeight(), 1) + 1
	}
	return out, c.err
}

func desks(clerks ...*clerk) *Coordinator {
	var stubs []*stub
	for range clerks {
		stubs = append(stubs, &stub{})
	}
	c := of(stubs...)
	for i, k := range clerks {
		c.peers[i].operator = k
	}
	return c
}

// TestResolveIsNotMadeTwice: it goes where it is sent, and when a connection breaks
// nobody can tell whether it was done.
func TestResolveIsNotMadeTwice(t *testing.T) {
	sent, leader := &clerk{err: wire.NotLeader("b:1", "it does not lead")}, &clerk{}
	answer, err := desks(sent, leader).Resolve(context.Background(), &wirepb.ResolveInDoubtRequest{})
	if err != nil || answer.GetResult() != wirepb.ResolveResult_RESOLVE_RESULT_DONE || sent.asked != 1 || leader.asked != 1 {
		t.Errorf("%v, %v after %d and %d calls", answer, err, sent.asked, leader.asked)
	}
	broken, other := &clerk{err: status.Error(codes.Unavailable, "connection reset")}, &clerk{}
	_, err = desks(broken, other).Resolve(context.Background(), &wirepb.ResolveInDoubtRequest{})
	if status.Code(err) != codes.Unknown || !strings.Contains(err.Error(), "nobody can tell whether it was done") || broken.asked != 1 || other.asked != 0 {
		t.Errorf("%v after %d and %d calls", err, broken.asked, other.asked)
	}
}

func TestInDoubtIsReadPageByPage(t *testing.T) {
	k := &clerk{}
	var heights []uint64
	err := desks(k).InDoubt(context.Background(), func(page *wirepb.ListInDoubtResponse) { heights = append(heights, page.GetBlocks()[0].GetHeight()) })
	if err != nil || len(heights) != 3 || heights[2] != 3 || k.asked != 3 {
		t.Errorf("heights %v, %v after %d calls", heights, err, k.asked)
	}
}
