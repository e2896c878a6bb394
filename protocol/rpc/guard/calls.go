package guard

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Class is a kind of calls that has room of its own.
type Class string

// The classes. Calls of the cluster itself never wait for room that clients have.
const (
	Cluster Class = "cluster" // sessions, values between shards, replication
	Upload  Class = "upload"  // streams of blocks; each may hold what it has not read yet
	Trickle Class = "trickle" // streams of transactions; each holds less
	Feed    Class = "feed"    // those who watch
	Single  Class = "single"  // one question, one answer
)

var defaultCalls = map[Class]CallLimits{
	Cluster: {All: 8192, Peer: 4096},
	Upload:  {All: 512, Peer: 256},
	Trickle: {All: 2048, Peer: 1024},
	Feed:    {All: 512, Peer: 64},
	Single:  {All: 8192, Peer: 4096},
}

// classOf tells of which class a method is.
func classOf(method string) Class {
	service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	switch service {
	case wirepb.SessionService_ServiceDesc.ServiceName, wirepb.ExchangeService_ServiceDesc.ServiceName, wirepb.ReplicationService_ServiceDesc.ServiceName:
		return Cluster
	case "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection":
		return Trickle
	}
	switch method {
	case wirepb.CoordinatorService_SubmitBlocks_FullMethodName:
		return Upload
	case wirepb.CoordinatorService_SubmitTransactions_FullMethodName:
		return Trickle
	case wirepb.CoordinatorService_Watch_FullMethodName, "/grpc.health.v1.Health/Watch":
		return Feed
	}
	return Single
}

// Calls bounds the calls under way, after next has admitted them; nil admits all. It is
// asked before anything of a message is read.
func (g *Guard) Calls(next tap.ServerInHandle) tap.ServerInHandle {
	return func(ctx context.Context, call *tap.Info) (context.Context, error) {
		if next != nil {
			var err error
			if ctx, err = next(ctx, call); err != nil {
				return ctx, err
			}
		}
		class := classOf(call.FullMethodName)
		key, from := g.callerOf(ctx)
		if !g.begin(class, key) {
			g.refusals.Add(TooManyCalls, from, call.FullMethodName, "%s", callsSentence)
			return ctx, status.Error(codes.ResourceExhausted, callsSentence)
		}
		context.AfterFunc(ctx, func() { g.end(class, key) })
		if class == Cluster {
			g.urgent(ctx)
		}
		return ctx, nil
	}
}

const callsSentence = "as many calls are under way as there may be at one time, in all or of one peer: wait for some to end"

// callerOf finds whose call it is.
func (g *Guard) callerOf(ctx context.Context) (key, from string) {
	c := g.connOf(ctx)
	if c == nil {
		return "", "somebody"
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return c.key, c.from.String()
}

// urgent notes that others of the cluster wait for what comes over a connection: it is
// not received at a pace.
func (g *Guard) urgent(ctx context.Context) {
	if c := g.connOf(ctx); c != nil {
		c.urgent.Store(true)
	}
}

// connOf finds the connection of a call; nil if it is over.
func (g *Guard) connOf(ctx context.Context) *conn {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	from := addressFrom(p.Addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conns[from]
}

// begin notes a call; false if there is no room for it.
func (g *Guard) begin(class Class, key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	gr, limit := g.group(key), g.limits.Calls[class]
	if g.calls[class] >= limit.All || gr.calls[class] >= limit.Peer {
		return false
	}
	g.calls[class]++
	gr.calls[class]++
	return true
}

func (g *Guard) end(class Class, key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls[class]--
	gr := g.groups[key]
	if gr.calls[class]--; gr.calls[class] == 0 {
		delete(gr.calls, class)
	}
}
