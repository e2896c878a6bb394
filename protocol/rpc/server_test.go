package rpc_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// api is a service that misbehaves on demand.
type api struct {
	wirepb.UnimplementedCoordinatorServiceServer
	entered chan struct{} // Status tells that it runs
	leave   chan struct{} // and waits for this
}

func (*api) SubmitBlock(context.Context, *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
	panic("unary")
}

func (*api) Watch(*wirepb.WatchRequest, grpc.ServerStreamingServer[wirepb.WatchResponse]) error {
	panic(errors.New("stream"))
}

func (a *api) Status(context.Context, *wirepb.StatusRequest) (*wirepb.StatusResponse, error) {
	close(a.entered)
	<-a.leave
	return &wirepb.StatusResponse{}, nil
}

func startServer(t *testing.T, o rpc.ServerOptions, register func(*rpc.Server)) (*rpc.Server, *grpc.ClientConn) {
	t.Helper()
	server := rpc.NewServer(o)
	register(server)
	l := listen(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	conn, err := rpc.Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return server, conn
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestPanicEndsOnlyItsCall(t *testing.T) {
	log := newLines()
	_, conn := startServer(t, rpc.ServerOptions{Logger: log.logger()}, func(s *rpc.Server) {
		wirepb.RegisterCoordinatorServiceServer(s, &api{})
	})
	client := wirepb.NewCoordinatorServiceClient(conn)
	for range 2 {
		if _, err := client.SubmitBlock(within(t), &wirepb.SubmitBlockRequest{}); status.Code(err) != codes.Internal {
			t.Errorf("unary: %v", err)
		}
		stream, err := client.Watch(within(t), &wirepb.WatchRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); status.Code(err) != codes.Internal {
			t.Errorf("stream: %v", err)
		}
	}
	if log.count("a panic was caught") != 4 || log.count("server_test.go") < 4 {
		t.Error("the log does not tell of the panics and their places")
	}
}

func TestHealthAndReflection(t *testing.T) {
	_, conn := startServer(t, rpc.ServerOptions{}, func(s *rpc.Server) { wirepb.RegisterCoordinatorServiceServer(s, &api{}) })
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(within(t), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", answer, err)
	}
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(within(t))
	if err != nil {
		t.Fatal(err)
	}
	request := &grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{
		FileContainingSymbol: "lockstep.v1.CoordinatorService"}}
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
	got, err := stream.Recv()
	if err != nil || got.GetFileDescriptorResponse() == nil {
		t.Errorf("reflection: %v, %v", got, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
}

func TestLimits(t *testing.T) {
	_, conn := startServer(t, rpc.ServerOptions{MaxMessageBytes: 1 << 20}, func(s *rpc.Server) { wirepb.RegisterCoordinatorServiceServer(s, &api{}) })
	client := wirepb.NewCoordinatorServiceClient(conn)
	large := &wirepb.SubmitBlockRequest{Content: &wirepb.SubmitBlockRequest_Body{Body: make([]byte, 2<<20)}}
	if _, err := client.SubmitBlock(within(t), large); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message over the limit: %v", err)
	}
	headers := metadata.AppendToOutgoingContext(within(t), "x", strings.Repeat("x", 64<<10))
	if _, err := client.Get(headers, &wirepb.GetRequest{}); err == nil || status.Code(err) == codes.Unimplemented {
		t.Errorf("headers over the limit: %v", err)
	}
	if _, err := client.Get(within(t), &wirepb.GetRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("after that: %v", err)
	}
}

func TestShutdownWaitsForCalls(t *testing.T) {
	a := &api{entered: make(chan struct{}), leave: make(chan struct{})}
	server, conn := startServer(t, rpc.ServerOptions{}, func(s *rpc.Server) { wirepb.RegisterCoordinatorServiceServer(s, a) })
	answered := make(chan error, 1)
	go func() {
		_, err := wirepb.NewCoordinatorServiceClient(conn).Status(within(t), &wirepb.StatusRequest{})
		answered <- err
	}()
	<-a.entered
	down := make(chan struct{})
	go func() {
		server.Shutdown(within(t))
		close(down)
	}()
	select {
	case <-down:
		t.Error("the server went down with a call in it")
	default:
	}
	close(a.leave)
	<-down
	if err := <-answered; err != nil {
		t.Errorf("the call was cut off: %v", err)
	}
}

func TestShutdownCutsOffWhenLate(t *testing.T) {
	release := make(chan struct{})
	server, conn := startServer(t, rpc.ServerOptions{}, func(s *rpc.Server) {
		wirepb.RegisterSessionServiceServer(s, endless{})
	})
	stream, err := wirepb.NewSessionServiceClient(conn).Open(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil { // the handler runs
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		server.Shutdown(ctx)
		close(release)
	}()
	cancel()
	<-release
	if _, err := stream.Recv(); err == nil {
		t.Error("the stream goes on")
	}
}

// endless holds streams open until they are cut off.
type endless struct {
	wirepb.UnimplementedSessionServiceServer
}

func (endless) Open(stream wirepb.SessionService_OpenServer) error {
	if err := stream.Send(&wirepb.Frame{}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

// flakyListener fails some times before it works.
type flakyListener struct {
	net.Listener
	failures atomic.Int64
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if l.failures.Add(-1) >= 0 {
		return nil, temporary{}
	}
	return l.Listener.Accept()
}

type temporary struct{}

func (temporary) Error() string   { return "too many open files" }
func (temporary) Temporary() bool { return true }

func TestAcceptErrorsAreLogged(t *testing.T) {
	log := newLines()
	server := rpc.NewServer(rpc.ServerOptions{Logger: hclog.New(&hclog.LoggerOptions{Output: log})})
	l := &flakyListener{Listener: listen(t)}
	l.failures.Store(3)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	conn, err := rpc.Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := grpc_health_v1.NewHealthClient(conn).Check(within(t), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
	server.Stop()
	serving.Wait()
	if log.count("too many open files") != 1 || log.count("connections are accepted again") != 1 || log.count("left_out=2") != 1 {
		t.Errorf("log: %s", log.buf.String())
	}
}

func TestDialWaitsForNothing(t *testing.T) {
	conn, err := rpc.Dial(deadAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("a call to nobody: %v", err)
	}
}
