package executor

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/outage"
)

// Exchange carries values between shards: a link to each peer for what is
// pushed, and the streams of the peers for what comes in. Links come back by
// themselves, and push again what live attempts need.
//
// It is safe for concurrent use. Push and Release never block.
type Exchange struct {
	self     protocol.ShardID
	instance protocol.InstanceID
	dial     Dialer
	deliver  func(protocol.ShardID, protocol.AttemptID, []byte) error
	logger   hclog.Logger
	ctx      context.Context
	cancel   context.CancelFunc
	group    sync.WaitGroup
	troubles *outage.Group // with what peers send
	now      func() time.Time
	silence  time.Duration // a peer that says nothing for longer is dialled again
	traffic  traffic

	mu      sync.Mutex
	cluster protocol.ClusterID
	peers   map[protocol.ShardID]*peer
}

// peer is one other shard.
type peer struct {
	outbox  *Outbox
	address string
	cancel  context.CancelFunc // ends the link to the address

	streams int       // incoming streams that stand
	heard   time.Time // when the last of them ended, or since when it is waited for
}

// NewExchange makes an exchange without peers. deliver takes what comes in.
func NewExchange(self protocol.ShardID, instance protocol.InstanceID, dial Dialer, deliver func(protocol.ShardID, protocol.AttemptID, []byte) error, logger hclog.Logger) *Exchange {
	ctx, cancel := context.WithCancel(context.Background())
	return &Exchange{
		self: self, instance: instance, dial: dial, deliver: deliver, logger: logger,
		ctx: ctx, cancel: cancel, now: time.Now, troubles: outage.NewGroup(logger, time.Now), silence: linkSilence, peers: map[protocol.ShardID]*peer{},
	}
}

// SetPeers tells where the peers are. A peer with another address than before
// gets a new link.
func (x *Exchange) SetPeers(cluster protocol.ClusterID, peers []protocol.Peer) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cluster = cluster
	for _, at := range peers {
		p := x.peerLocked(at.Shard)
		if at.Shard == x.self || p.address == at.Address || x.ctx.Err() != nil {
			continue
		}
		if p.cancel != nil {
			p.cancel()
		}
		ctx, cancel := context.WithCancel(x.ctx)
		p.address, p.cancel = at.Address, cancel
		l := &link{exchange: x, peer: at.Shard, address: at.Address, outbox: p.outbox, cluster: cluster, trouble: outage.New(x.logger, x.now)}
		x.group.Go(func() { l.keep(ctx) })
	}
}

func (x *Exchange) peerLocked(s protocol.ShardID) *peer {
	p := x.peers[s]
	if p == nil {
		p = &peer{outbox: NewOutbox(), heard: x.now()}
		x.peers[s] = p
	}
	return p
}

// Push implements Pusher.
func (x *Exchange) Push(to protocol.ShardID, a protocol.AttemptID, values []byte) {
	x.mu.Lock()
	box := x.peerLocked(to).outbox
	x.mu.Unlock()
	box.Add(a, values)
}

// Release implements Pusher.
func (x *Exchange) Release(keep func(protocol.AttemptID) bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range x.peers {
		p.outbox.Release(keep)
	}
}

// Silent implements Pusher.
func (x *Exchange) Silent(s protocol.ShardID) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.peerLocked(s)
	if p.streams > 0 {
		return 0
	}
	return x.now().Sub(p.heard)
}

// Absent lists the peers without an incoming stream, for status.
func (x *Exchange) Absent() (shards []protocol.ShardID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for s, p := range x.peers {
		if p.streams == 0 && s != x.self {
			shards = append(shards, s)
		}
	}
	slices.Sort(shards)
	return shards
}

// Bytes is what is kept for peers.
func (x *Exchange) Bytes() (n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range x.peers {
		n += p.outbox.Bytes()
	}
	return n
}

// streamed notes that an incoming stream of a peer began or ended.
func (x *Exchange) streamed(s protocol.ShardID, change int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.peerLocked(s)
	p.streams += change
	p.heard = x.now()
}

func (x *Exchange) clusterID() protocol.ClusterID {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cluster
}

// Close ends all links and the streams of the peers, and waits for the links.
// The server of the streams waits for those.
func (x *Exchange) Close() {
	x.mu.Lock()
	x.cancel()
	x.mu.Unlock()
	x.group.Wait()
}
