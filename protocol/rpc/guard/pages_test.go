package guard_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
)

// What one peer may have under way is its own, by class, whether it has a name or only
// an address.
func TestPagesUnderWay(t *testing.T) {
	refusals := guard.NewRefusals(nil)
	g := guard.New(guard.Limits{Calls: map[guard.Class]guard.CallLimits{guard.Scrape: {All: 3, Peer: 2}, guard.Page: {All: 9, Peer: 1}}}, refusals)
	entered, leave := make(chan struct{}), make(chan struct{})
	pages := g.PagesUnderWay(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Stay") != "" {
			entered <- struct{}{}
			<-leave
		}
	}), func(path string) guard.Class {
		return map[string]guard.Class{"/metrics": guard.Scrape, "/status": guard.Page}[path]
	}, func(r *http.Request) string { return r.Header.Get("Name") })
	ask := func(path, from, name, stay string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.RemoteAddr = from
		r.Header.Set("Name", name)
		r.Header.Set("Stay", stay)
		pages.ServeHTTP(w, r)
		return w
	}
	left := make(chan struct{})
	stay := func(from, name string) {
		go func() { ask("/metrics", from, name, "yes"); left <- struct{}{} }()
		<-entered
	}
	want := func(what string, w *httptest.ResponseRecorder, code int) {
		t.Helper()
		if w.Code != code || (code == http.StatusTooManyRequests) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s: %d, %v", what, w.Code, w.Header())
		}
	}
	stay("10.0.0.1:1", "eye")
	stay("10.0.0.2:1", "eye")
	want("a third one under the same name", ask("/metrics", "10.0.0.3:1", "eye", ""), http.StatusTooManyRequests)
	want("another class", ask("/status", "10.0.0.1:1", "eye", ""), http.StatusOK)
	want("what is always answered", ask("/livez", "10.0.0.1:1", "eye", ""), http.StatusOK)
	want("nobody at the same address", ask("/metrics", "10.0.0.1:1", "", ""), http.StatusOK)
	stay("10.0.0.1:2", "")
	want("a fourth in all", ask("/metrics", "10.0.0.9:1", "", ""), http.StatusTooManyRequests)
	if n := refusals.Counts()[guard.TooManyPages]; n != 2 {
		t.Errorf("%d refusals were counted", n)
	}
	close(leave)
	for range 3 {
		<-left
	}
	want("when all have left", ask("/metrics", "10.0.0.9:1", "eye", ""), http.StatusOK)
}
