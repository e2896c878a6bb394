package guard

import (
	"context"
	"strings"

	"golang.org/x/sync/semaphore"
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
	case *wirepb.StatusRequest, *wirepb.ShardServiceStatusRequest, *wirepb.ListTimelinesRequest, *wirepb.GetBlockRequest,
		*wirepb.ShardServiceListPreparedRequest, *wirepb.ListInDoubtRequest, *wirepb.ShowInDoubtRequest, *wirepb.ListResolvedRequest, *wirepb.ListMembersRequest:
		return keysPerOverview
	}
	return 0
}

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
	room := g.roomOf(ctx, of)
	weight = min(weight, int64(g.limits.ReadKeys)*readShare[of])
	if err := room.Acquire(ctx, weight); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	return func() { room.Release(weight) }, nil
}

func (g *Guard) roomOf(ctx context.Context, of int) *semaphore.Weighted {
	key, _ := g.callerOf(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.group(key).reads[of]
}
