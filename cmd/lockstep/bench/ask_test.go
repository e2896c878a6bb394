package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestFsyncsAreKnownOrNot: what a daemon does not tell is not taken for zero.
func TestFsyncsAreKnownOrNot(t *testing.T) {
	for _, c := range []struct {
		body string
		code int
		want int64 // -1 for not known
	}{
		{`{"height":3,"fsyncs":17}`, http.StatusOK, 17},
		{`{"height":3}`, http.StatusOK, -1},
		{`{"fsyncs":17}`, http.StatusServiceUnavailable, -1},
		{`not JSON`, http.StatusOK, -1},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.code)
			w.Write([]byte(c.body))
		}))
		got := int64(-1)
		if n := (pages{address: strings.TrimPrefix(s.URL, "http://")}).fsyncs(); n != nil {
			got = *n
		}
		s.Close()
		if got != c.want {
			t.Errorf("%d %s: %d, want %d", c.code, c.body, got, c.want)
		}
	}
	if (pages{address: "127.0.0.1:0"}).fsyncs() != nil {
		t.Error("nobody told, and it is known")
	}
}
