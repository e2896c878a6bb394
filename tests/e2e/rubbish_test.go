package e2e

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// Random bytes on every port of every daemon change nothing.
func TestRubbishOnPorts(t *testing.T) {
	d := disturb(t, small(), options(2))
	r := seeded(t)
	submission := d.submitting()
	for _, n := range d.Nodes() {
		for _, address := range []string{n.Address, n.HTTP} {
			for range 20 {
				throw(t, address, r)
			}
		}
	}
	d.resolves(submission)
}

// beginnings are what a server may take for the start of something.
var beginnings = []string{"", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /status HTTP/1.1\r\n", "\x16\x03\x01"}

// throw sends random bytes to an address and goes away.
func throw(t *testing.T, address string, r *rand.Rand) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatalf("a daemon takes no connections any more: %v", err)
	}
	defer conn.Close()
	bytes := make([]byte, 1+r.IntN(64<<10))
	for i := range bytes {
		bytes[i] = byte(r.Uint32())
	}
	conn.SetDeadline(time.Now().Add(time.Second))
	conn.Write([]byte(beginnings[r.IntN(len(beginnings))]))
	conn.Write(bytes) // it may be refused half-way
}

// A malformed line is named with its file, and nothing of its block is sent.
func TestRubbishInFile(t *testing.T) {
	d := disturb(t, small(), options(2))
	const good = `{"block":"bad","ops":[{"op":"credit","account":"a","amount":"1"}]}`
	for name, bad := range map[string]string{
		"not JSON":        `{"block":"bad","ops":[`,
		"bytes":           "\x00\xff\x1b[2J",
		"unknown op":      `{"block":"bad","ops":[{"op":"steal","account":"a","amount":"1"}]}`,
		"negative amount": `{"block":"bad","ops":[{"op":"credit","account":"a","amount":"-1"}]}`,
		"amount of 2^256": `{"block":"bad","ops":[{"op":"credit","account":"a","amount":"115792089237316195423570985008687907853269984665640564039457584007913129639936"}]}`,
		"number":          `{"block":"bad","ops":[{"op":"credit","account":"a","amount":1}]}`,
		"no account":      `{"block":"bad","ops":[{"op":"credit","amount":"1"}]}`,
		"long key":        `{"block":"bad","ops":[{"op":"credit","account":"` + strings.Repeat("a", 2000) + `","amount":"1"}]}`,
		"long line":       strings.Repeat("x", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "bad.jsonl")
			if err := os.WriteFile(file, []byte(good+"\n"+bad+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := d.Lockstep("submit", file)
			if r.Code != 1 && r.Code != 2 || !strings.Contains(r.Err, file+":2") || strings.Contains(r.Err, "\x1b") {
				t.Errorf("exit code %d, want 1 or 2; standard error %.300q, want %s:2 in it", r.Code, r.Err, file)
			}
			if h := d.Height(); h != 1 {
				t.Errorf("height %d", h)
			}
		})
	}
	d.resolves(d.submitting())
}

// A second daemon on a data directory, or on a port, is refused and says why;
// the first goes on.
func TestRubbishSecondDaemon(t *testing.T) {
	d := disturb(t, small(), options(2))
	coordinator, shard := d.Coordinator, d.Shards[0]
	empty := filepath.Join(t.TempDir(), "empty")
	for name, test := range map[string]struct {
		args   []string
		reason string
	}{
		"coordinator, same data": {[]string{"coordinator", "--data", coordinator.Data, "--listen", "127.0.0.1:0", "--http", ""}, "another process"},
		"shard, same data":       {[]string{"shard", "--id", "0", "--coordinator", "127.0.0.1:1", "--data", shard.Data}, "another process"},
		"coordinator, same port": {[]string{"coordinator", "--shards", "1", "--data", empty, "--listen", coordinator.Address, "--http", ""}, "--listen"},
		"coordinator, same http": {[]string{"coordinator", "--shards", "1", "--data", empty, "--listen", "127.0.0.1:0", "--http", coordinator.HTTP}, "--http"},
		"shard, same port":       {[]string{"shard", "--id", "0", "--coordinator", "127.0.0.1:1", "--data", empty, "--listen", shard.Address}, "--listen"},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefusal(t, cluster.Run(t, binary, test.args...), 1, test.reason)
		})
	}
	d.resolves(d.submitting())
}
