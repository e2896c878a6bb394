package identity_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
)

// servePages serves pages that say their path.
func servePages(t *testing.T, i *identity.Identity, openProbes bool) *httptest.Server {
	s := httptest.NewUnstartedServer(i.Pages(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }), openProbes))
	s.TLS = i.HTTPConfig()
	s.Config.ErrorLog = log(io.Discard).StandardLogger(nil)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, url string, config *tls.Config) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}, Timeout: 20 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestWhoMaySeeWhichPage(t *testing.T) {
	c, wide := identitytest.New(t), newUnbound(t)
	s := servePages(t, c.Open(identity.Coordinator, "c1"), false)
	paths := []string{"/livez", "/readyz", "/metrics", "/status", "/", "/api/state", "/livez/../metrics"}
	for _, role := range identity.Roles() {
		config := c.Open(role, idOf(role)).HTTPClientConfig(identity.Coordinator, "c1")
		serves := role == identity.Coordinator || role == identity.Shard
		for _, path := range paths {
			want := http.StatusOK
			if serves && path != "/livez" && path != "/readyz" {
				want = http.StatusForbidden
			}
			if code, body := get(t, s.URL+path, config); code != want || code != 200 && strings.Count(body, "\n") != 1 {
				t.Errorf("%s gets %d %q of %s, want %d", role, code, body, path, want)
			}
		}
	}
	for what, certificates := range map[string][]tls.Certificate{
		"nobody":   nil,
		"forged":   {keyPair(t, (*unbound)(nil).sign(t, "lockstep://prod/viewer/x1"))},
		"another":  {keyPair(t, wide.sign(t, "lockstep://prod/viewer/x1"))},
		"expired":  {keyPair(t, c.Between(identity.Viewer, "x1", time.Now().Add(-2*day), time.Now().Add(-day)))},
		"tomorrow": {keyPair(t, c.Between(identity.Viewer, "x1", time.Now().Add(day), time.Now().Add(2*day)))},
	} {
		for _, path := range paths {
			if code, body := get(t, s.URL+path, &tls.Config{InsecureSkipVerify: true, Certificates: certificates}); code != http.StatusUnauthorized {
				t.Errorf("%s gets %d %q of %s", what, code, body, path)
			}
		}
	}
}

func TestProbesMayBeOpen(t *testing.T) {
	c := identitytest.New(t)
	s := servePages(t, c.Open(identity.Shard, "1"), true)
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 401, "/status": 401, "/": 401, "/livez/": 401, "//livez": 401} {
		if code, _ := get(t, s.URL+path, &tls.Config{InsecureSkipVerify: true}); code != want {
			t.Errorf("%s answers %d, want %d", path, code, want)
		}
	}
}

// A page that goes on for ever ends with the authority of whoever looks at it.
func TestPagesEndWithTheirAuthority(t *testing.T) {
	c, next := identitytest.New(t), identitytest.New(t)
	dir := c.Directory(identity.Coordinator, "c1")
	server := identitytest.Open(t, dir, identity.Options{})
	ended := make(chan struct{})
	s := httptest.NewUnstartedServer(server.Pages(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(ended)
	}), false))
	s.TLS, s.Config.ErrorLog = server.HTTPConfig(), log(io.Discard).StandardLogger(nil)
	s.StartTLS()
	t.Cleanup(s.Close)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: c.Open(identity.Viewer, "eye").HTTPClientConfig(identity.Coordinator, "")}}
	answer, err := client.Get(s.URL + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	replace(t, dir, next.Between(identity.Coordinator, "c1", time.Now(), time.Now().Add(day)).Files(next.Files.Certificate)...)
	if err := server.Reload(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the page goes on")
	}
}

// What is behind Pages knows who asks, if that was proven.
func TestPagesKnowWhoAsks(t *testing.T) {
	c := identitytest.New(t)
	server := c.Open(identity.Coordinator, "c1")
	s := httptest.NewUnstartedServer(server.Pages(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, identity.NameOfAsker(r)) }), true))
	s.TLS, s.Config.ErrorLog = server.HTTPConfig(), log(io.Discard).StandardLogger(nil)
	s.StartTLS()
	t.Cleanup(s.Close)
	eye := c.Open(identity.Viewer, "eye")
	if _, got := get(t, s.URL+"/status", eye.HTTPClientConfig(identity.Coordinator, "c1")); got != eye.Name().String() {
		t.Errorf("%q asks, want %q", got, eye.Name())
	}
	forged := keyPair(t, (*unbound)(nil).sign(t, "lockstep://prod/viewer/eye"))
	if _, got := get(t, s.URL+"/livez", &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{forged}}); got != "" {
		t.Errorf("%q asks, who has proven nothing", got)
	}
}
