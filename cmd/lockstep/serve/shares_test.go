package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
)

// from gives a client at an address of this machine.
func from(t *testing.T, address string) *http.Client {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// code asks for a page, reads it to its end and gives the code of the answer.
func code(t *testing.T, c *http.Client, url string) int {
	t.Helper()
	response, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// Whoever asks for the metrics and reads nothing of them keeps nobody but itself from
// seeing them, at the same address too.
func TestScrapersThatReadNothingKeepNobodyOut(t *testing.T) {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "long", Help: strings.Repeat("x", 64<<10)}))
	c, refusals := identitytest.New(t), guard.NewRefusals(nil)
	address := strings.TrimPrefix(start(t, Endpoints{Metrics: metrics, Refusals: refusals, Identity: c.Open(identity.Coordinator, "c1")}), "http://")
	eve, prom := c.Open(identity.Viewer, "eve"), c.Open(identity.Viewer, "prometheus")
	mostOfEve := guard.ForHTTP().Calls[guard.Scrape].Peer
	answered, refused := askWithoutWindow(t, address, eve.HTTPClientConfig(identity.Coordinator, "c1"), mostOfEve+1)
	if answered != mostOfEve || refused != 1 {
		t.Errorf("%d are answered and %d refused who read nothing", answered, refused)
	}
	if n := refusals.Counts()[guard.TooManyPages]; n != 1 {
		t.Errorf("%d refusals were counted", n)
	}
	for _, test := range []struct {
		who  *identity.Identity
		path string
		want int
	}{{eve, "/metrics", http.StatusTooManyRequests}, {eve, "/readyz", http.StatusOK}, {prom, "/metrics", http.StatusOK}} {
		transport := &http.Transport{TLSClientConfig: test.who.HTTPClientConfig(identity.Coordinator, "c1")}
		t.Cleanup(transport.CloseIdleConnections)
		if got := code(t, &http.Client{Transport: transport, Timeout: time.Minute}, "https://"+address+test.path); got != test.want {
			t.Errorf("%s gets %d of %s, want %d", test.who.Name(), got, test.path, test.want)
		}
	}
}

// askWithoutWindow asks for the metrics so many times over one connection of HTTP/2, on
// which nothing but heads of answers can be sent, and tells how many of them there were.
// They stay under way until the test ends.
func askWithoutWindow(t *testing.T, address string, config *tls.Config, times int) (answered, refused int) {
	t.Helper()
	config.NextProtos = []string{"h2"}
	c, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(c, c)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, failed := io.WriteString(c, http2.ClientPreface)
	failed = errors.Join(failed, f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}))
	var head bytes.Buffer
	encoder := hpack.NewEncoder(&head)
	for n := range times {
		head.Reset()
		for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", "/metrics"}, {":authority", "a"}} {
			failed = errors.Join(failed, encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}))
		}
		failed = errors.Join(failed, f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*n + 1), BlockFragment: head.Bytes(), EndStream: true, EndHeaders: true}))
	}
	if failed != nil {
		t.Fatal(failed)
	}
	for answered+refused < times {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if h, ok := frame.(*http2.MetaHeadersFrame); ok && h.PseudoValue("status") == "200" {
			answered++
		} else if ok {
			refused++
		}
	}
	return answered, refused
}

// One peer watches with several pages, and leaves room for others.
func TestWatchersOfOnePeer(t *testing.T) {
	url := start(t, Endpoints{
		Feeds: func(path string) bool { return path == "/feed" },
		Other: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			if r.URL.Path == "/feed" && http.NewResponseController(w).Flush() == nil {
				<-r.Context().Done()
			}
		}),
	})
	watch := func(c *http.Client) int {
		ctx, cancel := context.WithCancel(t.Context())
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/feed", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cancel()
			response.Body.Close()
		})
		return response.StatusCode
	}
	one, other := from(t, "127.0.0.1"), from(t, "127.0.0.2")
	for range guard.ForHTTP().Calls[guard.Feed].Peer {
		if got := watch(one); got != http.StatusOK {
			t.Fatalf("a watcher: %d", got)
		}
	}
	if got := watch(one); got != http.StatusTooManyRequests {
		t.Errorf("one too many: %d", got)
	}
	if got := watch(other); got != http.StatusOK {
		t.Errorf("a watcher elsewhere: %d", got)
	}
	if got := code(t, one, url+"/"); got != http.StatusOK {
		t.Errorf("another page: %d", got)
	}
}

// Scrapes wait for their turn, and not for ever.
func TestScrapesTakeTurns(t *testing.T) {
	gathering, goOn := make(chan struct{}), make(chan struct{})
	s := newScrapes(slow(func() { gathering <- struct{}{}; <-goOn }), hclog.NewNullLogger())
	answers := make(chan int)
	ask := func(ctx context.Context) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil))
		answers <- w.Code
	}
	for range mostGathers {
		go ask(t.Context())
		<-gathering
	}
	impatient, leave := context.WithCancel(t.Context())
	go ask(impatient)
	leave()
	if got := <-answers; got != http.StatusServiceUnavailable {
		t.Errorf("without a turn: %d", got)
	}
	go ask(t.Context())
	close(goOn)
	<-gathering // the one that waited
	for range mostGathers + 1 {
		if got := <-answers; got != http.StatusOK {
			t.Errorf("after a turn: %d", got)
		}
	}
}

// slow is what is done before there are metrics.
type slow func()

func (s slow) Gather() ([]*dto.MetricFamily, error) {
	s()
	return nil, nil
}
