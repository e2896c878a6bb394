package serve

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
)

// A site whose name leads to loopback sees nothing, by whatever path.
func TestOtherSitesSeeNothing(t *testing.T) {
	refusals := guard.NewRefusals(nil)
	url := start(t, Endpoints{
		Refusals: refusals,
		Status:   func(context.Context) (any, error) { return "secret", nil },
		Other:    http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "secret") }),
	})
	ask := func(path, host string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	paths := []string{"/", "/status", "/metrics", "/api/state"}
	for _, path := range paths {
		if code, body := ask(path, "evil.example:7480"); code != http.StatusMisdirectedRequest || body != otherHostSentence+"\n" {
			t.Errorf("%s answers %d %q", path, code, body)
		}
		if code, _ := ask(path, "localhost:7480"); code != http.StatusOK {
			t.Errorf("%s answers this machine %d", path, code)
		}
	}
	if code, _ := ask("/readyz", "evil.example:7480"); code != http.StatusOK {
		t.Errorf("a probe by another name gets %d", code)
	}
	if n := refusals.Counts()[guard.OtherHost]; n != uint64(len(paths)) {
		t.Errorf("%d refusals were counted", n)
	}
}

func TestNamesOfThisMachine(t *testing.T) {
	for host, want := range map[string]bool{
		"box": true, "BOX:7480": true, "box.evil.example": false, "localhost": true, "LocalHost:7480": true, "localhost.": true, "localhost.:7480": true, "127.0.0.1": true, "127.0.0.1:80": true,
		"[::1]:7480": true, "[::1]": true, "::1": true, "10.0.0.1:7480": true, "[fe80::1%eth0]:1": true, "": true, // no browser leaves it out
		"evil.example": false, "evil.example:7480": false, "localhost.evil.example": false, "evil.localhost": false, "127.0.0.1.evil.example:80": false,
		"localhost:80.evil.example:80": false, "127.0.0.1@evil.example": false, "[evil.example]": false, "localhost ": false, "localhost..": false, "127.1": false,
	} {
		if got := isLocalName(host, "box"); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}

// Where others reach it too, people call it as they like.
func TestElsewhereEveryNameIsTaken(t *testing.T) {
	pages := ofThisMachine(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }), nil)
	for at, want := range map[string]int{"10.0.0.1": 200, "2001:db8::1": 200, "127.0.0.1": 421, "127.8.8.8": 421, "::1": 421, "::ffff:127.0.0.1": 421} {
		ctx := context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(at), Port: 7480})
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://c1.example:7480/", nil))
		if w.Code != want {
			t.Errorf("at %s: %d, want %d", at, w.Code, want)
		}
	}
}
