package main

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// TestADaemonTellsItsSupervisor: a coordinator says that it serves, and where,
// what it lacks, and that it stops.
func TestADaemonTellsItsSupervisor(t *testing.T) {
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	socket, err := net.ListenUnixgram(address.Net, address)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	socket.SetReadDeadline(time.Now().Add(time.Minute))
	t.Setenv("NOTIFY_SOCKET", address.Name)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan int, 1)
	go func() {
		command := root()
		command.SetOut(io.Discard)
		command.SetErr(io.Discard)
		ended <- cli.Run(ctx, command, []string{"coordinator", "--data", t.TempDir(), "--shards", "2", "--listen", "127.0.0.1:0", "--http", ""})
	}()
	told := awaitMessage(t, socket, "", "not ready: shards [0 1] are not connected")
	if !strings.HasPrefix(told, "READY=1\nSTATUS=serving 127.0.0.1:") {
		t.Errorf("the first message was %q", told)
	}
	cancel()
	awaitMessage(t, socket, told, "STOPPING=1")
	if code := <-ended; code != cli.ExitDone {
		t.Errorf("exit code %d", code)
	}
}

// awaitMessage reads messages until all that was told, what was before
// included, has the text, and gives all of it.
func awaitMessage(t *testing.T, socket *net.UnixConn, told, text string) string {
	t.Helper()
	message := make([]byte, 1<<12)
	for !strings.Contains(told, text) {
		n, err := socket.Read(message)
		if err != nil {
			t.Fatalf("%v, and no message had %q", err, text)
		}
		told += string(message[:n]) + "\n"
	}
	return told
}
