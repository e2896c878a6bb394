package rpc_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

// hosted is a node that notes what is done with it.
type hosted struct {
	fail chan error // what Run ends with before ctx does

	mu    sync.Mutex
	calls []string
}

func (h *hosted) note(call string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, call)
}

func (h *hosted) Register(grpc.ServiceRegistrar) { h.note("register") }

func (h *hosted) Run(ctx context.Context) error {
	h.note("run")
	defer h.note("ran")
	select {
	case <-ctx.Done():
		return nil
	case err := <-h.fail:
		return err
	}
}

func (h *hosted) Close() error {
	h.note("close")
	return errors.New("closed badly")
}

// host hosts a node, waits until it is served, and gives what Host says.
func host(t *testing.T, h *hosted) (l net.Listener, end context.CancelFunc, ended chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- rpc.Host(ctx, l, h, rpc.ServerOptions{}) }()
	conn, err := rpc.Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	asking, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = grpc_health_v1.NewHealthClient(conn).Check(asking, &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	return l, end, ended
}

// TestHostEndsInOrder: the node has run before it is closed, whatever ends it, and
// what went wrong is told.
func TestHostEndsInOrder(t *testing.T) {
	broke := errors.New("the disk broke")
	for name, end := range map[string]func(*hosted, net.Listener, context.CancelFunc) error{
		"ctx ends":           func(_ *hosted, _ net.Listener, cancel context.CancelFunc) error { cancel(); return nil },
		"the node fails":     func(h *hosted, _ net.Listener, _ context.CancelFunc) error { h.fail <- broke; return broke },
		"the listener fails": func(_ *hosted, l net.Listener, _ context.CancelFunc) error { l.Close(); return net.ErrClosed },
	} {
		t.Run(name, func(t *testing.T) {
			h := &hosted{fail: make(chan error, 1)}
			l, cancel, ended := host(t, h)
			defer cancel()
			want := end(h, l, cancel)
			err := <-ended
			if want != nil && !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			if err == nil || want == nil && err.Error() != "closed badly" {
				t.Errorf("got %v", err)
			}
			if !slices.Equal(h.calls, []string{"register", "run", "ran", "close"}) {
				t.Errorf("calls %q", h.calls)
			}
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the listener was left open: %v", err)
			}
		})
	}
}

// TestASilentConnectionHoldsNobodyUp: its client has said nothing, so gRPC waits
// for it, for minutes.
func TestASilentConnectionHoldsNobodyUp(t *testing.T) {
	l, cancel, ended := host(t, &hosted{})
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err != nil { // it was accepted: the server speaks first
		t.Fatal(err)
	}
	began := time.Now()
	cancel()
	<-ended
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}
