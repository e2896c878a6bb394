package guard

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

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
	of     *waste // of its peer; nil if its connection is over
	bytes  int    // of its message, while it is not known what comes of it
	once   sync.Once
}

func (c *call) release(g *Guard) {
	if c.slot == "" {
		return
	}
	c.once.Do(func() {
		c.room.Release(1)
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.expected, c)
	})
}

// expected is, for Sweep, when it was looked last whether the message of a call begins to come, and
// how many bytes the connection had brought by then.
type expected struct {
	on    *conn
	since time.Time
	bytes int64
}

// expect notes that a call has a slot until its message is there. g.mu is not held.
func (g *Guard) expect(ctx context.Context, c *call) {
	on := g.connOf(ctx)
	if on == nil || on.meter.Load() == nil {
		return
	}
	bytes, _ := on.meter.Load().progress(0)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expected[c] = &expected{on, g.now(), bytes}
}

// waitedFor is for Sweep alone. It finds the connections with a call whose message does not even begin, while
// nothing else comes: it would keep its slot for ever. A message that has begun is for
// the meter to judge.
func (g *Guard) waitedFor(now time.Time) (silent []*conn) {
	g.mu.Lock()
	waiting := slices.Collect(maps.Values(g.expected))
	g.mu.Unlock()
	for _, e := range waiting {
		if now.Sub(e.since) < g.limits.Patience {
			continue
		}
		bytes, nothing := e.on.meter.Load().progress(g.limits.Patience)
		if nothing && bytes == e.bytes {
			silent = append(silent, e.on)
		}
		e.since, e.bytes = now, bytes
	}
	return silent
}

// TagRPC implements stats.Handler.
func (s slots) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	c := &call{method: info.FullMethodName, of: s.guard.wasteOf(ctx)}
	if of := slotOf(info.FullMethodName); of != "" {
		room := s.guard.slotsOf(ctx, of)
		if room.Acquire(ctx, 1) != nil {
			return ctx // the call is over
		}
		c.slot, c.room = of, room
		if of == receiving {
			s.guard.expect(ctx, c)
		}
		// gRPC tells the end of a call only of those that it begins.
		context.AfterFunc(ctx, func() { c.release(s.guard) })
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
		c.received(event)
		if c.slot == receiving {
			c.release(s.guard)
		}
	case *stats.End:
		c.release(s.guard)
		if event.Error == nil {
			c.carriedOut()
		} else {
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

// wasteOf finds that of the peer of a call; nil if its connection is over.
func (g *Guard) wasteOf(ctx context.Context) *waste {
	c := g.connOf(ctx)
	if c == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.group(c.key).waste
}
