package rpc

import (
	"context"
	"errors"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const (
	// callsPatience bounds how long a node that ends waits for calls under way.
	callsPatience = 2 * time.Second
	// callsLeast is left of it if all else took long, so that the whole takes at
	// most 5 s.
	callsLeast  = 200 * time.Millisecond
	endPatience = 5*time.Second - 2*callsLeast
	// healthEvery is how often the health service is told whether the node is ready.
	healthEvery = 500 * time.Millisecond
)

// Node is a coordinator or a shard that is open.
type Node interface {
	Register(grpc.ServiceRegistrar)
	Run(context.Context) error
	Close() error
}

// ready is a Node that can say why it cannot do its work; nil if it can.
type ready interface{ Ready() error }

// Host serves a node on a listener and runs it until ctx ends, or until the node
// or its server fails; then it closes the node and the listener, and returns. The
// error is nil if nothing failed. From the end of ctx it takes at most about five
// seconds, in which a coordinator hands over and calls under way come to an end.
// The health service says what the node's Ready says, if it has that method.
func Host(ctx context.Context, l net.Listener, n Node, o ServerOptions) error {
	server, listener := NewServer(o), newCuttable(l)
	n.Register(server)
	ctx, cancel := context.WithCancel(ctx)
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() {
		defer cancel()
		ran <- n.Run(ctx)
	}()
	go func() {
		defer cancel()
		served <- serveUntil(ctx, server, listener)
	}()
	if r, ok := n.(ready); ok {
		go server.tellHealth(ctx, r)
	}
	<-ctx.Done()
	began := time.Now()
	err := <-ran // a coordinator hands over before it ends
	stopping, stopped := context.WithTimeout(context.Background(), max(callsLeast, min(callsPatience, endPatience-time.Since(began))))
	defer stopped()
	defer context.AfterFunc(stopping, listener.cutAll)()
	err = errors.Join(err, n.Close())
	server.Shutdown(stopping)
	return errors.Join(err, <-served)
}

// serveUntil serves; to end before ctx does is a failure.
func serveUntil(ctx context.Context, server *Server, l net.Listener) error {
	err := server.Serve(l)
	if err == nil && ctx.Err() == nil {
		err = errors.New("the server ended by itself")
	}
	return err
}

// tellHealth has the health service say what r says, for the server and for each of
// its services, until ctx ends.
func (s *Server) tellHealth(ctx context.Context, r ready) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for {
		now := grpc_health_v1.HealthCheckResponse_SERVING
		if r.Ready() != nil {
			now = grpc_health_v1.HealthCheckResponse_NOT_SERVING
		}
		s.SetHealth(now)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
