package guard

import (
	"context"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/stats"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// slot is what a call waits for before it is received.
type slot string

const (
	receiving slot = "receiving" // until its message is there
	reading   slot = "reading"   // until it is answered
	shardRead slot = "shardRead" // the same, of a shard
)

// slotOf tells which slot a call takes; "" for none. Calls of the cluster, streams and
// what is tiny take none.
func slotOf(method string) slot {
	switch method {
	case wirepb.ShardService_Get_FullMethodName, wirepb.ShardService_Status_FullMethodName, wirepb.ShardService_ListPrepared_FullMethodName:
		return shardRead
	case wirepb.CoordinatorService_Get_FullMethodName, wirepb.CoordinatorService_GetBlock_FullMethodName, wirepb.CoordinatorService_ListBlocks_FullMethodName,
		wirepb.CoordinatorService_ListTimelines_FullMethodName, wirepb.CoordinatorService_Status_FullMethodName, wirepb.ClusterService_ListMembers_FullMethodName,
		wirepb.OperatorService_ListInDoubt_FullMethodName, wirepb.OperatorService_ShowInDoubt_FullMethodName, wirepb.OperatorService_ListResolved_FullMethodName:
		return reading
	case wirepb.ClusterService_Here_FullMethodName:
		return ""
	}
	if classOf(method) != Single || strings.HasPrefix(method, "/grpc.") {
		return ""
	}
	return receiving
}

func (s slot) of(l Limits) int64 {
	if s == shardRead {
		return int64(l.Slots) * readShare[ofShard]
	}
	return int64(l.Slots)
}

// Slots is a handler of a server's statistics that has calls wait, before anything of
// them is read, until others of the same peer leave room, and counts those whose message
// was not decoded. gRPC asks it in the goroutine of the call.
func (g *Guard) Slots() stats.Handler { return slots{g} }

type slots struct{ guard *Guard }

type callKey struct{}

// call is a call, and the slot that it has, to be given back once.
type call struct {
	method string
	slot   slot // "" for none
	room   *semaphore.Weighted
	once   sync.Once
}

func (c *call) release() {
	if c.slot != "" {
		c.once.Do(func() { c.room.Release(1) })
	}
}

// TagRPC implements stats.Handler.
func (s slots) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	c := &call{method: info.FullMethodName}
	if of := slotOf(info.FullMethodName); of != "" {
		room := s.guard.slotsOf(ctx, of)
		if room.Acquire(ctx, 1) != nil {
			return ctx // the call is over
		}
		c.slot, c.room = of, room
		// gRPC tells the end of a call only of those that it begins.
		context.AfterFunc(ctx, c.release)
	}
	return context.WithValue(ctx, callKey{}, c)
}

// HandleRPC implements stats.Handler.
func (s slots) HandleRPC(ctx context.Context, event stats.RPCStats) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return
	}
	switch event := event.(type) {
	case *stats.InPayload:
		if c.slot == receiving {
			c.release()
		}
	case *stats.End:
		c.release()
		if event.Error != nil {
			s.guard.undecoded(ctx, c.method, event.Error)
		}
	}
}

// TagConn implements stats.Handler.
func (slots) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (slots) HandleConn(context.Context, stats.ConnStats) {}

func (g *Guard) slotsOf(ctx context.Context, of slot) *semaphore.Weighted {
	key, _ := g.callerOf(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	gr := g.group(key)
	if gr.slots[of] == nil {
		gr.slots[of] = semaphore.NewWeighted(of.of(g.limits))
	}
	return gr.slots[of]
}
