package diagnose

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve makes a daemon that tells, and a client of it.
func serve(t *testing.T, access Access, own map[string]Part) wirepb.DebugServiceClient {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(rpc.ServerOptions{})
	NewService(access, own).Register(server)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	conn, err := rpc.Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return wirepb.NewDebugServiceClient(conn)
}

func collect(ctx context.Context, c wirepb.DebugServiceClient, part string, seconds uint32) ([]byte, error) {
	stream, err := c.Collect(ctx, &wirepb.CollectRequest{Part: part, Seconds: seconds})
	if err != nil {
		return nil, err
	}
	var content []byte
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return content, nil
		}
		if err != nil {
			return nil, err
		}
		content = append(content, piece.GetContent()...)
	}
}

func wantCode(t *testing.T, err error, code codes.Code, says string) {
	t.Helper()
	if status.Code(err) != code || !strings.Contains(status.Convert(err).Message(), says) {
		t.Errorf("answers %v, want %s: %s", err, code, says)
	}
}

const secret = "hunter2-do-not-tell"

// daemon is one with a secret wherever there might be one.
func daemon(t *testing.T, log *Ring) Daemon {
	t.Setenv("LOCKSTEP_PASSWORD", secret)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("GOGC", "123")
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lockstep_height", Help: "Height."}, func() float64 { return 7 }))
	return Daemon{
		Build: cli.Build{Version: "v1"}, Directory: t.TempDir(), Log: log, Metrics: registry,
		Settings: []cli.Setting{{Name: "listen", Value: "127.0.0.1:0", From: cli.FromFlag}, {Name: "admin-password", Value: secret, From: cli.FromEnvironment}},
		Ready:    func() error { return errors.New("the disk is full") },
		Status:   func(context.Context) (any, error) { return map[string]int{"height": 7}, nil },
	}
}

func TestADaemonTellsAllButSecrets(t *testing.T) {
	var log Ring
	log.Write([]byte("something happened\n"))
	d := daemon(t, &log)
	c := serve(t, AccessLocal, d.Parts())
	for part, says := range map[string]string{
		"version": `"v1"`, "settings": `"127.0.0.1:0"`, "environment": `"GOGC": "123"`, "machine": `"cpus"`, "files": "[]",
		"status": `"height": 7`, "readiness": "not ready: the disk is full", "metrics": "lockstep_height 7", "log": "something happened",
		"goroutine": "goroutine profile:", "heap": "", "cpu": "", "mutex": "",
	} {
		content, err := collect(t.Context(), c, part, 1)
		if err != nil {
			t.Errorf("%s: %v", part, err)
		}
		if len(content) == 0 || !bytes.Contains(content, []byte(says)) {
			t.Errorf("%s is %q, which does not say %q", part, content, says)
		}
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s tells the secret", part)
		}
	}
	if fraction := runtime.SetMutexProfileFraction(-1); fraction != 0 {
		t.Errorf("locks go on being measured, one in %d", fraction)
	}
}

func TestWhoIsTold(t *testing.T) {
	for _, test := range []struct {
		access Access
		from   string
		want   codes.Code
	}{
		{AccessLocal, "127.0.0.1", codes.OK}, {AccessLocal, "::1", codes.OK}, {AccessLocal, "10.0.0.7", codes.PermissionDenied},
		{AccessAny, "10.0.0.7", codes.OK}, {AccessNone, "127.0.0.1", codes.PermissionDenied}, {"", "127.0.0.1", codes.PermissionDenied},
	} {
		ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.TCPAddr{IP: net.ParseIP(test.from)}})
		if got := status.Code(test.access.admit(ctx)); got != test.want {
			t.Errorf("%q, from %s: %s, want %s", test.access, test.from, got, test.want)
		}
	}
	wantCode(t, AccessLocal.admit(t.Context()), codes.PermissionDenied, "")
	_, err := collect(t.Context(), serve(t, AccessNone, nil), "heap", 0)
	wantCode(t, err, codes.PermissionDenied, "--debug-access")
}

func TestWhatCannotBeHad(t *testing.T) {
	big := func(_ context.Context, to *bytes.Buffer, _ time.Duration) error {
		to.Write(make([]byte, MaxPartBytes+1))
		return nil
	}
	broken := func(context.Context, *bytes.Buffer, time.Duration) error { return errors.New("no such thing") }
	c := serve(t, AccessLocal, map[string]Part{"big": big, "broken": broken})
	_, err := collect(t.Context(), c, "nothing", 0)
	wantCode(t, err, codes.NotFound, `no part "nothing"`)
	_, err = collect(t.Context(), c, "cpu", MaxSeconds+1)
	wantCode(t, err, codes.InvalidArgument, "30 s")
	_, err = collect(t.Context(), c, "big", 0)
	wantCode(t, err, codes.OutOfRange, "more than")
	_, err = collect(t.Context(), c, "broken", 0)
	wantCode(t, err, codes.Internal, "no such thing")
}

// Only so many are served at once, and a caller that leaves makes room.
func TestPartsMadeAtOnceAreBounded(t *testing.T) {
	entered := make(chan struct{}, mostCalls)
	slow := func(ctx context.Context, _ *bytes.Buffer, _ time.Duration) error {
		entered <- struct{}{}
		<-ctx.Done()
		return nil
	}
	quick := func(_ context.Context, to *bytes.Buffer, _ time.Duration) error { to.WriteString("x"); return nil }
	c := serve(t, AccessLocal, map[string]Part{"slow": slow, "quick": quick})
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, mostCalls)
	for range mostCalls {
		go func() {
			_, err := collect(ctx, c, "slow", 0)
			left <- err
		}()
		<-entered
	}
	_, err := collect(t.Context(), c, "quick", 0)
	wantCode(t, err, codes.ResourceExhausted, "telling others")
	cancel()
	for range mostCalls {
		wantCode(t, <-left, codes.Canceled, "")
	}
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		if _, err = collect(t.Context(), c, "quick", 0); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
