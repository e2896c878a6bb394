package serve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzRequest: whatever request net/http takes off the wire has one of few answers,
// and none of them is that of an error of the server.
func FuzzRequest(ff *testing.F) {
	f := fuzz.New(ff)
	for _, text := range []string{
		"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /readyz HTTP/1.1\r\nHost: a\r\n\r\n", "GET /status HTTP/1.0\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: application/openmetrics-text\r\nAccept-Encoding: gzip, zstd\r\n\r\n",
		"GET //x/../status HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "GET http://b/livez?x=%zz HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(text))
	}
	h := Endpoints{
		Log: hclog.NewNullLogger(), Metrics: prometheus.NewRegistry(),
		Ready:  func() error { return errors.New("waiting for the coordinator") },
		Status: func(context.Context) (any, error) { return map[string]int{"id": 2}, nil },
	}.handler()
	f.Bound(1<<8, 1<<20)
	f.Fuzz(func(t testing.TB, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK, http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed:
		case http.StatusServiceUnavailable:
			if r.URL.Path != "/readyz" {
				t.Fatalf("%s %q answers %d", r.Method, r.URL, w.Code)
			}
		default:
			t.Fatalf("%s %q answers %d", r.Method, r.URL, w.Code)
		}
	})
}
