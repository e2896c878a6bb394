package guard

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// sweepEvery is how often it is looked whether somebody has become too slow.
const sweepEvery = time.Second

// Guard bounds what the peers of one port take. It is safe for concurrent use.
type Guard struct {
	limits   Limits
	refusals *Refusals
	now      func() time.Time
	held     atomic.Int64 // of all connections
	away     atomic.Int64 // connections that wait to be closed

	relieving sync.Mutex // while connections are ended because too much is held

	mu        sync.Mutex
	conns     map[netip.AddrPort]*conn
	strangers list.List // those of whom nothing is known yet, the oldest first
	groups    map[string]*group
	calls     map[Class]int
	expected  map[*call]*expected // that have a slot until their message is there
}

// group is what one peer has.
type group struct {
	conns map[*conn]struct{}
	newly bucket // new connections
	pages bucket
	calls map[Class]int
	slots map[slot]*semaphore.Weighted
	reads [2]*reads // by whether they are of a shard
	waste *waste
	// Messages that were refused before they were decoded.
	refused bucket
}

// New makes a guard of one port.
func New(limits Limits, refusals *Refusals) *Guard {
	return &Guard{
		limits: limits.withDefaults(), refusals: refusals, now: time.Now,
		conns: map[netip.AddrPort]*conn{}, groups: map[string]*group{}, calls: map[Class]int{}, expected: map[*call]*expected{},
	}
}

// Limits are those that hold.
func (g *Guard) Limits() Limits { return g.limits }

// Sweep ends connections that have become too slow, until ctx ends.
func (g *Guard) Sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.sweep()
		case <-ctx.Done():
			return
		}
	}
}

func (g *Guard) sweep() {
	now := g.now()
	for _, c := range g.open() {
		if m := c.meter.Load(); m != nil {
			m.judgeSpeed(now)
		}
	}
	for _, c := range g.waitedFor(now) {
		c.cut(SlowSender, "a call of it has no message, and nothing else comes: see whether it hangs")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget(now)
}

// open lists the connections.
func (g *Guard) open() []*conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]*conn, 0, len(g.conns))
	for _, c := range g.conns {
		list = append(list, c)
	}
	return list
}

// forget drops the groups that have nothing, and had nothing for long. g.mu is held.
func (g *Guard) forget(now time.Time) {
	for key, gr := range g.groups {
		if gr.idle() && gr.rested(now) {
			delete(g.groups, key)
		}
	}
}

// rested reports whether a peer has all that it may have at once.
func (gr *group) rested(now time.Time) bool {
	return gr.newly.full(now) && gr.pages.full(now) && gr.refused.full(now) && gr.reads[ofCoordinator].full() && gr.reads[ofShard].full() && gr.waste.rested(now)
}

func (gr *group) idle() bool { return len(gr.conns) == 0 && len(gr.calls) == 0 }

// group finds or makes the group of a peer. g.mu is held.
func (g *Guard) group(key string) *group {
	gr := g.groups[key]
	if gr == nil {
		if len(g.groups) >= 4*g.limits.Connections { // addresses without end
			for old, gr := range g.groups {
				if gr.idle() {
					delete(g.groups, old)
				}
			}
		}
		now := g.now()
		gr = &group{
			conns: map[*conn]struct{}{}, calls: map[Class]int{}, slots: map[slot]*semaphore.Weighted{},
			newly: newBucket(g.limits.NewAtOnce, g.limits.NewPerSecond, now), pages: newBucket(g.limits.PagesAtOnce, g.limits.PagesPerSecond, now),
			refused: newBucket(refusedAtOnce, refusedPerSecond, now),
			waste:   &waste{most: float64(g.limits.Waste), perSecond: float64(g.limits.WastePerSecond), at: now},
		}
		for of := range gr.reads {
			gr.reads[of] = newReads(g.limits, readShare[of])
		}
		g.groups[key] = gr
	}
	return gr
}

// heaviest finds the group with the most connections. g.mu is held.
func (g *Guard) heaviest() *group {
	var most *group
	for _, gr := range g.groups {
		if most == nil || len(gr.conns) > len(most.conns) {
			most = gr
		}
	}
	return most
}
