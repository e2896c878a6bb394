package guard_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// A peer that reads much is kept to its pace, and told so if it cannot wait; others read
// meanwhile.
func TestReadsKeepAPace(t *testing.T) {
	const perSecond, keys, reads = 1000, 500, 6
	p := serve(t, guard.Limits{ReadKeysPerSecond: perSecond})
	get := func(from string, within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := wirepb.NewCoordinatorServiceClient(p.client(from)).Get(ctx, &wirepb.GetRequest{Keys: slices.Repeat([][]byte{{0, 0, 0, 0}}, keys)})
		return err
	}
	began := time.Now()
	for range reads {
		if err := get("127.0.0.1", patience); err != nil {
			t.Fatal(err)
		}
	}
	if took, least := time.Since(began), (reads*keys-perSecond)*time.Second/perSecond; took < least {
		t.Errorf("%d keys were read within %s, want %s at least", reads*keys, took, least)
	}
	p.only("")
	var err error
	for range 100 { // each waits less than a second, which somebody else may have used
		if err = get("127.0.0.1", 100*time.Millisecond); status.Code(err) == codes.ResourceExhausted {
			break
		}
	}
	if !strings.Contains(status.Convert(err).Message(), "reads as much as one peer may") {
		t.Errorf("got %v", err)
	}
	if err := get("127.0.0.2", patience); err != nil {
		t.Errorf("another peer: %v", err)
	}
	p.only(guard.TooManyReads)
}

// The largest request to read is taken; what is longer is not decoded, and whoever sends
// such again and again loses the connection.
func TestMessagesThatAreTooLongForTheirMethod(t *testing.T) {
	p := serve(t, guard.Limits{})
	honest := wirepb.NewCoordinatorServiceClient(p.client("127.0.0.2"))
	largest := &wirepb.GetRequest{Keys: slices.Repeat([][]byte{make([]byte, 1<<10)}, 4096)}
	if _, err := honest.Get(t.Context(), largest); err != nil {
		t.Fatalf("the largest request: %v", err)
	}
	tooLong := &wirepb.GetRequest{Keys: slices.Repeat([][]byte{make([]byte, 1<<20)}, 6)}
	if _, err := honest.Get(t.Context(), tooLong); err == nil || !strings.Contains(err.Error(), "longer than any call of this method needs") {
		t.Errorf("got %v", err)
	}
	p.awaitRefusals(guard.Oversize, 1)
	ended := p.again(getMethod, bytes.Repeat([]byte{0x80}, 6<<20))
	ends(t, ended)
	p.works(p.client("127.0.0.2"))
	p.only(guard.Oversize)
}

// Whoever sends messages of very many parts again and again loses the connection.
func TestDenseMessagesEndTheConnection(t *testing.T) {
	p := serve(t, guard.Limits{})
	parts := bytes.Repeat([]byte{0x0a, 0}, 1<<20) // empty transactions
	ended := p.again(submitMethod, append(binary.AppendUvarint([]byte{0x12}, uint64(len(parts))), parts...))
	ends(t, ended)
	p.works(p.client("127.0.0.2"))
	p.only(guard.Elements)
}

// again sends a message in call after call from 127.0.0.1, until the connection ends.
func (p *port) again(method string, message []byte) (ended <-chan struct{}) {
	p.t.Helper()
	a := p.attack()
	ended = a.drain()
	body := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	for range 100 {
		stream, err := a.call(method)
		for rest := body; err == nil && len(rest) > 0; {
			n := min(len(rest), 16<<10)
			err = a.WriteData(stream, n == len(rest), rest[:n])
			rest = rest[n:]
		}
		if err != nil {
			break
		}
	}
	return ended
}

// Whoever asks for pages too often is told so, and has to connect anew.
func TestPagesOfOneAddress(t *testing.T) {
	refusals := guard.NewRefusals(nil)
	g := guard.New(guard.Limits{PagesAtOnce: 2, PagesPerSecond: 1}, refusals)
	page := g.Pages(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") }), func(path string) bool { return path == "/livez" })
	ask := func(path, from string) *http.Response {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.RemoteAddr = from
		page.ServeHTTP(w, r)
		return w.Result()
	}
	refused := func() (last *http.Response) {
		for range 100 {
			if last = ask("/status", "127.0.0.1:1"); last.StatusCode != http.StatusOK {
				break
			}
		}
		return last
	}()
	if refused.StatusCode != http.StatusTooManyRequests || refused.Header.Get("Retry-After") == "" || refused.Header.Get("Connection") != "close" {
		t.Errorf("got %d, %v", refused.StatusCode, refused.Header)
	}
	if n := refusals.Counts()[guard.TooManyPages]; n != 1 {
		t.Errorf("%d refusals were counted", n)
	}
	for path, from := range map[string]string{"/livez": "127.0.0.1:1", "/status": "127.0.0.2:1"} {
		if got := ask(path, from).StatusCode; got != http.StatusOK {
			t.Errorf("%s from %s: %d", path, from, got)
		}
	}
}
