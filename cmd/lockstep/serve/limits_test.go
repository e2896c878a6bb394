package serve

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
)

// Whoever says nothing, or never finishes what it says, keeps nobody from the pages, and
// takes no memory to speak of.
func TestSlowAskersKeepNobodyOut(t *testing.T) {
	refusals := guard.NewRefusals(nil)
	url := start(t, Endpoints{Refusals: refusals})
	address := strings.TrimPrefix(url, "http://")
	before := inUse()
	for _, word := range []string{"", "GET /status HTTP/1.1\r\nHost: a\r\nX-Slow: "} {
		for range 150 {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, word); err != nil {
				continue // there was no room for it
			}
		}
		wantAnswer(t, url+"/readyz", 200, "ready\n")
	}
	if n := refusals.Counts()[guard.TooManyOpen]; n == 0 {
		t.Error("nobody made room")
	}
	if more := inUse() - before; more > 16<<20 {
		t.Errorf("%d MiB more are in use", more>>20)
	}
}

// Headers are bounded.
func TestLongHeadersAreRefused(t *testing.T) {
	url := start(t, Endpoints{})
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /readyz HTTP/1.1\r\nHost: a\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", headerBytes+8<<10))
	answer, _ := io.ReadAll(io.LimitReader(c, 100)) // a reset may follow it
	if !strings.HasPrefix(string(answer), "HTTP/1.1 431 ") {
		t.Errorf("got %q", answer)
	}
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// Who speaks no TLS, or another one, to a port that does is counted with all others who
// are refused.
func TestHandshakesAreCounted(t *testing.T) {
	c := identitytest.New(t)
	server := c.Open(identity.Coordinator, "c1")
	address := strings.TrimPrefix(start(t, Endpoints{Identity: server}), "http://")
	response, err := http.Get("http://" + address + "/status")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if n := server.Refused()[identity.Plaintext]; response.StatusCode != http.StatusBadRequest || n != 1 {
		t.Errorf("plaintext: %s, %d counted", response.Status, n)
	}
	transport := &http.Transport{TLSClientConfig: c.Open(identity.Viewer, "eye").HTTPClientConfig(identity.Coordinator, "c1"), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	response, err = (&http.Client{Transport: transport}).Get("https://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
		t.Errorf("a viewer gets %s over %s", response.Status, response.Proto)
	}
	for reason, n := range server.Refused() {
		if n != 0 && reason != identity.Plaintext {
			t.Errorf("%s: %d", reason, n)
		}
	}
}
