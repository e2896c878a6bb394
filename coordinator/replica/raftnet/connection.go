package raftnet

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/stats"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// maxAnswerBytes bounds an answer, which is never large.
	maxAnswerBytes = 64 << 10
	// idleAfter is when a connection that carries no call is let go; the next call
	// makes it anew.
	idleAfter = time.Minute
	// A peer that comes back is wanted soon, if only for its vote.
	redialFirst = 50 * time.Millisecond
	redialMost  = 500 * time.Millisecond
)

type counter = atomic.Uint64

// connection is what leads to one peer at one address.
type connection struct {
	wirepb.ReplicationServiceClient
	grpc    *grpc.ClientConn
	address raft.ServerAddress
	watch   *traffic
}

// connect gives the connection to a peer, which is kept until the address
// changes, it falls silent, or the transport closes.
func (ps *peers) connect(id raft.ServerID, address raft.ServerAddress) (*connection, error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.closed {
		return nil, raft.ErrTransportShutdown
	}
	p := ps.get(id)
	if p.connection != nil && p.connection.address == address {
		return p.connection, nil
	}
	p.hangUp()
	c, err := ps.dial(id, address, p.sent)
	if err != nil {
		return nil, fmt.Errorf("dial %s at %s: %w", id, address, err)
	}
	p.connection, p.status.Address = c, address
	return c, nil
}

func (ps *peers) dial(id raft.ServerID, address raft.ServerAddress, sent *counter) (*connection, error) {
	watch := &traffic{sent: sent}
	c, err := ps.options.Dial(string(address),
		ps.options.Proof.Expecting(identity.Coordinator, string(id)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswerBytes)),
		grpc.WithIdleTimeout(idleAfter),
		grpc.WithStatsHandler(watch),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: redialFirst, Multiplier: 1.6, Jitter: 0.5, MaxDelay: redialMost},
			MinConnectTimeout: ps.options.Timeout,
		}))
	if err != nil {
		return nil, err
	}
	return &connection{
		ReplicationServiceClient: wirepb.NewReplicationServiceClient(c),
		grpc:                     c,
		address:                  address,
		watch:                    watch,
	}, nil
}

// hangUp ends the calls on the connection to a peer. The caller holds the mutex
// of peers.
func (p *peer) hangUp() {
	if p.connection != nil {
		// It fails only if it was closed before.
		_ = p.connection.grpc.Close()
		p.connection = nil
	}
}

// suspect tells that a call on a connection got no answer since it began. If
// nothing else came either, the connection is dropped.
func (ps *peers) suspect(id raft.ServerID, c *connection, since time.Time) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.all[id]; p != nil && p.connection == c && c.watch.quietSince(since) {
		p.hangUp()
	}
}

func (ps *peers) close() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.closed = true
	for _, p := range ps.all {
		p.hangUp()
	}
}

// traffic watches the messages of a connection. It is a stats.Handler.
type traffic struct {
	sent  *counter
	heard atomic.Int64 // when something came last, in nanoseconds since 1970
}

func (w *traffic) quietSince(at time.Time) bool { return w.heard.Load() < at.UnixNano() }

// HandleRPC implements stats.Handler.
func (w *traffic) HandleRPC(_ context.Context, s stats.RPCStats) {
	switch s := s.(type) {
	case *stats.OutPayload:
		w.sent.Add(uint64(s.WireLength))
	case *stats.InHeader, *stats.InPayload, *stats.InTrailer:
		w.heard.Store(time.Now().UnixNano())
	}
}

// TagRPC implements stats.Handler.
func (w *traffic) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn implements stats.Handler.
func (w *traffic) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (w *traffic) HandleConn(context.Context, stats.ConnStats) {}
