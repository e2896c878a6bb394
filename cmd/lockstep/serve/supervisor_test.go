package serve

import (
	"context"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// supervisor listens in the place of systemd until the test ends.
func supervisor(t *testing.T) *net.UnixConn {
	t.Helper()
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	socket, err := net.ListenUnixgram(address.Net, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	t.Setenv("NOTIFY_SOCKET", address.Name)
	return socket
}

func wantMessage(t *testing.T, socket *net.UnixConn, want string) {
	t.Helper()
	socket.SetReadDeadline(time.Now().Add(10 * time.Second))
	message := make([]byte, 1<<12)
	n, err := socket.Read(message)
	if err != nil || string(message[:n]) != want {
		t.Fatalf("got %q, %v, want %q", message[:n], err, want)
	}
}

func TestTheSupervisorIsTold(t *testing.T) {
	socket := supervisor(t)
	var state atomic.Value
	state.Store("ready")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		TellSupervisor(ctx, hclog.NewNullLogger(), func() string { return state.Load().(string) })
	}()
	wantMessage(t, socket, "READY=1\nSTATUS=ready")
	state.Store("waits for\nREADY=1")
	wantMessage(t, socket, "STATUS=waits for READY=1")
	cancel()
	wantMessage(t, socket, "STOPPING=1\nSTATUS=stopping")
	<-ended
}

func TestNobodyWantsToKnow(t *testing.T) {
	for _, socket := range []string{"", filepath.Join(t.TempDir(), "gone")} {
		t.Setenv("NOTIFY_SOCKET", socket)
		TellSupervisor(t.Context(), hclog.NewNullLogger(), func() string { return "ready" }) // returns
	}
}
