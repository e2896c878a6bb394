package serve

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves endpoints until the test ends, and gives their base URL.
func start(t *testing.T, e Endpoints) string {
	t.Helper()
	e.Log = hclog.NewNullLogger()
	if e.Metrics == nil {
		e.Metrics = prometheus.NewRegistry()
	}
	if e.Ready == nil {
		e.Ready = func() error { return nil }
	}
	h, err := ListenHTTP("127.0.0.1:0", e)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return "http://" + h.Addr().String()
}

func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

func wantAnswer(t *testing.T, url string, code int, body string) {
	t.Helper()
	if gotCode, gotBody := get(t, url); gotCode != code || gotBody != body {
		t.Errorf("%s answers %d %q, want %d %q", url, gotCode, gotBody, code, body)
	}
}

func TestProbes(t *testing.T) {
	url := start(t, Endpoints{})
	wantAnswer(t, url+"/livez", 200, "live\n")
	wantAnswer(t, url+"/readyz", 200, "ready\n")

	url = start(t, Endpoints{
		Live:  func() error { return errors.New("the log has failed: restart") },
		Ready: func() error { return errors.New("waiting for the coordinator") },
	})
	wantAnswer(t, url+"/livez", 503, "the log has failed: restart\n")
	wantAnswer(t, url+"/readyz", 503, "waiting for the coordinator\n")
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "lockstep_blocks_total", Help: "Blocks."})
	registry.MustRegister(counter)
	counter.Add(3)
	code, body := get(t, start(t, Endpoints{Metrics: registry})+"/metrics")
	if code != 200 || !strings.Contains(body, "lockstep_blocks_total 3\n") {
		t.Errorf("answers %d %s", code, body)
	}
}

func TestStatus(t *testing.T) {
	wantAnswer(t, start(t, Endpoints{Status: func(context.Context) (any, error) {
		return map[string]int{"id": 2}, nil
	}})+"/status", 200, "{\"id\":2}\n")
	wantAnswer(t, start(t, Endpoints{Status: func(context.Context) (any, error) {
		return nil, errors.New("not started yet")
	}})+"/status", 503, "not started yet\n")
	wantAnswer(t, start(t, Endpoints{Status: func(context.Context) (any, error) {
		return func() {}, nil
	}})+"/status", 500, "the status cannot be encoded\n")
	wantAnswer(t, start(t, Endpoints{})+"/status", 404, "404 page not found\n")
}

func TestOtherPaths(t *testing.T) {
	url := start(t, Endpoints{Other: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "dashboard "+r.URL.Path)
	})})
	wantAnswer(t, url+"/", 200, "dashboard /")
	wantAnswer(t, url+"/livez", 200, "live\n")
}

func TestListenSaysWhatToDo(t *testing.T) {
	taken, err := Listen("listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct{ address, want string }{
		{taken.Addr().String(), "another process uses the port: stop it, or give another --http"},
		{"203.0.113.7:7400", "this machine does not have the address"},
		{"7400", "want HOST:PORT in --http"},
	} {
		_, err := ListenHTTP(test.address, Endpoints{Log: hclog.NewNullLogger(), Metrics: prometheus.NewRegistry()})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.address, err, test.want)
		}
	}
}

// A request that never ends does not keep the daemon from ending.
func TestRunEndsWithARequestUnderWay(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	h, err := ListenHTTP("127.0.0.1:0", Endpoints{Log: hclog.NewNullLogger(), Metrics: prometheus.NewRegistry(),
		Other: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done() // only the cut ends it
			close(leave)
		})})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done, answered := make(chan error, 1), make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	go func() {
		response, err := http.Get("http://" + h.Addr().String() + "/")
		if err == nil {
			response.Body.Close()
		}
		answered <- err
	}()
	<-entered
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-leave
	if err := <-answered; err == nil {
		t.Error("the request that was cut off was answered")
	}
}

func TestRunAfterTheContextEnded(t *testing.T) {
	h, err := ListenHTTP("127.0.0.1:0", Endpoints{Log: hclog.NewNullLogger(), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ctx); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", h.Addr().String()); err == nil {
		t.Error("still listens")
	}
}

func TestAnnounce(t *testing.T) {
	api, web := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7400}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7480}
	var out bytes.Buffer
	if err := errors.Join(Announce(&out, api, web), Announce(&out, api, (*HTTP)(nil).Addr())); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "listening 127.0.0.1:7400 http 127.0.0.1:7480\nlistening 127.0.0.1:7400\n" {
		t.Errorf("printed %q", got)
	}
}

func TestReadinessSaysWhat(t *testing.T) {
	url := start(t, Endpoints{ReadyAs: func() string { return "ready: follows c1" }})
	if code, body := get(t, url+"/readyz"); code != http.StatusOK || body != "ready: follows c1\n" {
		t.Errorf("/readyz answers %d %q", code, body)
	}
	if code, body := get(t, url+"/livez"); code != http.StatusOK || body != "live\n" {
		t.Errorf("/livez answers %d %q", code, body)
	}
}
