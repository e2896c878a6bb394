package guard

import (
	"context"
	"strings"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Places in a group, and how many times Limits.ReadKeys they have.
const (
	ofCoordinator = 0
	ofShard       = 1
)

var readShare = [2]int64{ofCoordinator: 1, ofShard: 4}

const (
	// A block that is listed is about as much work as so many keys, and so is an overview.
	keysPerBlock    = 8
	keysPerOverview = 32
	// listDefault is how many blocks are listed for a client that names no number.
	listDefault = 100
)

// weigh tells how many keys a call that only reads is about; 0 for other calls.
func weigh(request any) int64 {
	switch in := request.(type) {
	case *wirepb.GetRequest:
		return int64(len(in.GetKeys()))
	case *wirepb.ShardServiceGetRequest:
		return int64(len(in.GetKeys()))
	case *wirepb.ListBlocksRequest:
		if in.GetLimit() == 0 {
			return listDefault * keysPerBlock
		}
		return int64(in.GetLimit()) * keysPerBlock
	case *wirepb.GetBlockRequest:
		return keysPerBlock
	case *wirepb.StatusRequest, *wirepb.ShardServiceStatusRequest, *wirepb.ListTimelinesRequest,
		*wirepb.ShardServiceListPreparedRequest, *wirepb.ListInDoubtRequest, *wirepb.ShowInDoubtRequest, *wirepb.ListResolvedRequest, *wirepb.ListMembersRequest:
		return keysPerOverview
	}
	return 0
}

// reads is the room of one peer for calls that only read.
type reads struct {
	keys *semaphore.Weighted // at one time
	most int64
	pace *rate.Limiter // keys per second
}

func newReads(l Limits, share int64) *reads {
	most, perSecond := int64(l.ReadKeys)*share, l.ReadKeysPerSecond*int(share)
	return &reads{semaphore.NewWeighted(most), most, rate.NewLimiter(rate.Limit(perSecond), perSecond)}
}

// full reports whether nothing was read for long.
func (r *reads) full() bool { return r.pace.Tokens() >= float64(r.pace.Burst()) }

const readsSentence = "its deadline comes before its turn, for its peer reads as much as one peer may: read less often, or less at one time"

// turn waits until the calls of a peer leave room for another one that only reads. Calls
// come to their turn in their order; somebody who reads much waits for oneself alone.
func (g *Guard) turn(ctx context.Context, method string, request any) (done func(), err error) {
	weight := weigh(request)
	if weight == 0 {
		return func() {}, nil
	}
	of := ofCoordinator
	if strings.HasPrefix(method, "/"+wirepb.ShardService_ServiceDesc.ServiceName+"/") {
		of = ofShard
	}
	room, from := g.roomOf(ctx, of)
	weight = min(weight, room.most, int64(room.pace.Burst()))
	if err := room.keys.Acquire(ctx, weight); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	done = func() { room.keys.Release(weight) }
	if err := room.pace.WaitN(ctx, int(weight)); err != nil {
		done()
		if ctx.Err() != nil {
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		g.refusals.Add(TooManyReads, from, method, "%s", readsSentence)
		return nil, status.Error(codes.ResourceExhausted, readsSentence)
	}
	return done, nil
}

func (g *Guard) roomOf(ctx context.Context, of int) (room *reads, from string) {
	key, from := g.callerOf(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.group(key).reads[of], from
}

type paceKey struct{}

// paced is a stream whose handler may ask for the turn of a block.
type paced struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements grpc.ServerStream.
func (s paced) Context() context.Context { return s.ctx }

// Paced is the interceptor of streams that lets their handlers call TurnOfBlock.
func (g *Guard) Paced(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return handler(service, paced{stream, context.WithValue(stream.Context(), paceKey{}, g)})
}

// TurnOfBlock waits, for a stream that sends blocks of long ago one after the other,
// until the reads of its peer leave room for one more. It fails when ctx ends. Where no
// Guard is, there is always room.
func TurnOfBlock(ctx context.Context) error {
	g, ok := ctx.Value(paceKey{}).(*Guard)
	if !ok {
		return nil
	}
	room, _ := g.roomOf(ctx, ofCoordinator)
	if err := room.pace.WaitN(ctx, min(keysPerBlock, room.pace.Burst())); err != nil {
		<-ctx.Done() // its turn comes after its deadline
		return status.FromContextError(ctx.Err()).Err()
	}
	return nil
}
