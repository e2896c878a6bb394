package rpc_test

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	serving    = grpc_health_v1.HealthCheckResponse_SERVING
	notServing = grpc_health_v1.HealthCheckResponse_NOT_SERVING
)

func startHealth(t *testing.T) (*rpc.Server, grpc_health_v1.HealthClient) {
	server, conn := startServer(t, rpc.ServerOptions{}, func(s *rpc.Server) { wirepb.RegisterCoordinatorServiceServer(s, &api{}) })
	return server, grpc_health_v1.NewHealthClient(conn)
}

// watch begins to watch a service, and gives what hears the next state of it.
func watch(ctx context.Context, t *testing.T, c grpc_health_v1.HealthClient, service string) func() (grpc_health_v1.HealthCheckResponse_ServingStatus, error) {
	t.Helper()
	stream, err := c.Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	return func() (grpc_health_v1.HealthCheckResponse_ServingStatus, error) {
		answer, err := stream.Recv()
		return answer.GetStatus(), err
	}
}

// The server and each of its services have the same state, and whoever watches
// hears of it, down to the end.
func TestHealthOfEveryService(t *testing.T) {
	server, client := startHealth(t)
	const service = "lockstep.v1.CoordinatorService"
	server.SetHealth(serving)
	next := watch(within(t), t, client, service)
	for _, want := range []grpc_health_v1.HealthCheckResponse_ServingStatus{serving, notServing, serving} {
		server.SetHealth(want)
		if got, err := next(); got != want || err != nil {
			t.Fatalf("hears %s, %v, want %s", got, err, want)
		}
		for _, name := range []string{"", service} {
			if answer, err := client.Check(within(t), &grpc_health_v1.HealthCheckRequest{Service: name}); err != nil || answer.GetStatus() != want {
				t.Errorf("%q is %s, %v, want %s", name, answer.GetStatus(), err, want)
			}
		}
	}
	_, err := client.Check(within(t), &grpc_health_v1.HealthCheckRequest{Service: "lockstep.v1.NoService"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("a service that is not there: %v", err)
	}
	shutdown, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server.Shutdown(shutdown)
	if shutdown.Err() != nil {
		t.Error("one that watches keeps the server from shutting down")
	}
	if got, err := next(); got != notServing || err != nil {
		t.Errorf("at the end it hears %s, %v", got, err)
	}
	if _, err := next(); status.Code(err) != codes.Unavailable {
		t.Errorf("and then %v", err)
	}
}

// Those who watch are so many at most, and one that leaves makes room.
func TestThoseWhoWatchAreBounded(t *testing.T) {
	_, client := startHealth(t)
	const most = 64
	leaving, leave := context.WithCancel(within(t))
	for i := range most {
		ctx := within(t)
		if i == 0 {
			ctx = leaving
		}
		if _, err := watch(ctx, t, client, "")(); err != nil {
			t.Fatalf("watcher %d: %v", i+1, err)
		}
	}
	if _, err := watch(within(t), t, client, "")(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one too many: %v", err)
	}
	leave()
	for ctx := within(t); ; {
		_, err := watch(ctx, t, client, "")()
		if err == nil {
			return
		}
		if status.Code(err) != codes.ResourceExhausted { // as when patience is at its end
			t.Fatal(err)
		}
	}
}
