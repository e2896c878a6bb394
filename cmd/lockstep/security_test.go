package main

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// Nobody serves others in plaintext without having said so.
func TestPlaintextStaysOnThisMachine(t *testing.T) {
	for _, test := range []struct {
		args []string
		says string // "" if it is sound
	}{
		{[]string{"coordinator", "--data", "/x"}, ""},
		{[]string{"coordinator", "--data", "/x", "--listen", "[::1]:0", "--http", ""}, ""},
		{[]string{"coordinator", "--data", "/x", "--listen", "0.0.0.0:7400"}, "--listen 0.0.0.0:7400 can be reached by others"},
		{[]string{"coordinator", "--data", "/x", "--listen", ":7400"}, "--listen :7400 can be reached by others"},
		{[]string{"coordinator", "--data", "/x", "--http", "10.0.0.1:7480"}, "--http 10.0.0.1:7480 can be reached by others"},
		{[]string{"coordinator", "--data", "/x", "--listen", "10.0.0.1:7400", "--insecure"}, ""},
		{[]string{"coordinator", "--data", "/x", "--listen", "10.0.0.1:7400", "--tls", "/y"}, ""},
		{[]string{"coordinator", "--data", "/x", "--tls", "/y", "--insecure"}, "exclude each other"},
		{[]string{"shard", "--id", "0", "--coordinator", "a:1", "--data", "/x", "--listen", "[::]:0"}, "--listen [::]:0 can be reached by others"},
		{[]string{"shard", "--id", "0", "--coordinator", "a:1", "--data", "/x", "--http", "0.0.0.0:0", "--insecure"}, ""},
	} {
		r := lockstep(t, "", append([]string{"config", "check"}, test.args...)...)
		if (r.code == cli.ExitDone) != (test.says == "") || !strings.Contains(r.err, test.says) {
			t.Errorf("%v: exit code %d, %q, want %q", test.args, r.code, r.err, test.says)
		}
	}
}

// A daemon is who its certificate says, and a command needs one that can be read.
func TestIdentitiesThatDoNotFit(t *testing.T) {
	dir := certify(t)
	data := filepath.Join(dir, "data")
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"coordinator", "--shards", "1", "--tls", filepath.Join(dir, "shard0")}, "is that of lockstep://prod/shard/0, and cannot serve coordinator c1"},
		{[]string{"coordinator", "--shards", "1", "--tls", filepath.Join(dir, "c1"), "--name", "c2"}, "is that of lockstep://prod/coordinator/c1, and cannot serve coordinator c2"},
		{[]string{"shard", "--id", "1", "--coordinator", "127.0.0.1:1", "--tls", filepath.Join(dir, "shard0")}, "is that of lockstep://prod/shard/0, and cannot serve shard 1"},
		{[]string{"shard", "--id", "0", "--coordinator", "127.0.0.1:1", "--tls", filepath.Join(dir, "none")}, "read the identity"},
	} {
		r := lockstep(t, "", append(test.args, "--data", data, "--listen", "127.0.0.1:0", "--http", "")...)
		if r.code == cli.ExitDone || !strings.Contains(r.err, test.says) {
			t.Errorf("%v: exit code %d, %q, want %q", test.args, r.code, r.err, test.says)
		}
	}
	if r := lockstep(t, "", "status", "--tls", filepath.Join(dir, "none")); r.code != cli.ExitUsage || !strings.Contains(r.err, "read the identity") {
		t.Errorf("exit code %d, %q", r.code, r.err)
	}
}

// Whoever renews certificates sends SIGHUP to all daemons, also to one that still reads
// its log.
func TestHangupWhileADaemonOpens(t *testing.T) {
	settings := securitySettings{directory: filepath.Join(certify(t), "c1")}
	var said said
	s, err := settings.open(hclog.New(&hclog.LoggerOptions{Output: &said}), "127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil { // it ends a process that does not expect it
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx) })
	defer watching.Wait()
	defer cancel()
	for end := time.Now().Add(20 * time.Second); !said.has("as it was told to"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it was not told to read the certificates again")
		}
	}
}

// said is what was logged.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.text.String(), text)
}
