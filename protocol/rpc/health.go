package rpc

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const (
	// mostWatchers bounds the streams of Watch that are open.
	mostWatchers = 64
	// farewellTime is what those who watch get to hear that the server shuts down.
	farewellTime = 100 * time.Millisecond
)

// SetHealth sets the state of the server, and of each service that is registered
// on it. It does nothing once the server shuts down.
func (s *Server) SetHealth(now grpc_health_v1.HealthCheckResponse_ServingStatus) {
	s.Health.SetServingStatus("", now)
	for name := range s.GetServiceInfo() {
		s.Health.SetServingStatus(name, now)
	}
}

// watchers is the health service of gRPC with a bound on those who watch, which
// keep no server from shutting down.
type watchers struct {
	*health.Server
	open chan struct{}
	over chan struct{} // closed when nobody may watch any more
	once sync.Once
}

func newWatchers(s *health.Server) *watchers {
	return &watchers{Server: s, open: make(chan struct{}, mostWatchers), over: make(chan struct{})}
}

// Watch implements grpc_health_v1.HealthServer.
func (w *watchers) Watch(in *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	select {
	case w.open <- struct{}{}:
		defer func() { <-w.open }()
	default:
		return status.Errorf(codes.ResourceExhausted, "%d others watch already: ask with Check now and then", mostWatchers)
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-w.over:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := w.Server.Watch(in, watchStream{stream, ctx})
	cancel()
	<-ended
	select {
	case <-w.over:
		return status.Error(codes.Unavailable, "the server shuts down")
	default:
		return err
	}
}

// farewell tells everybody that the server does not serve, and a moment later that
// there is nothing more to hear.
func (w *watchers) farewell() {
	w.Server.Shutdown()
	w.once.Do(func() { time.AfterFunc(farewellTime, func() { close(w.over) }) })
}

// watchStream is a stream with a context of its own.
type watchStream struct {
	grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]
	ctx context.Context
}

// Context implements grpc.ServerStream.
func (w watchStream) Context() context.Context { return w.ctx }
