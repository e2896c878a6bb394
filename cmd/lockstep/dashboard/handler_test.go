package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Whatever is answered, the browser is told what the page may do.
func TestHeaders(t *testing.T) {
	_, url := serve(t, &stage{view: View{Cluster: cluster()}})
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/static/app.js": "text/javascript; charset=utf-8", "/static/style.css": "text/css; charset=utf-8",
		"/static/icon.svg": "image/svg+xml", "/api/state": "application/json", "/api/history": "application/json", "/nothing": "text/plain; charset=utf-8",
	} {
		response, _ := get(t, url+path)
		h := response.Header
		if h.Get("Content-Type") != kind || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: headers %v", path, h)
		}
		policy := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, part+";") && !strings.HasSuffix(policy, part) {
				t.Errorf("%s: the policy %q lacks %s", path, policy, part)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy %q", path, policy)
		}
	}
}

func TestFilesAreKept(t *testing.T) {
	_, url := serve(t, &stage{view: View{Cluster: cluster()}})
	first, _ := get(t, url+"/static/app.js")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/static/app.js", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("If-None-Match", first.Header.Get("ETag"))
	again, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	again.Body.Close()
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("asked again for the same file: %s", again.Status)
	}
}

// Nothing can be changed here.
func TestOnlyReads(t *testing.T) {
	_, url := serve(t, &stage{view: View{Cluster: cluster()}})
	for _, path := range []string{"/", "/api/state", "/api/block?height=1"} {
		response, err := http.Post(url+path, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %s", path, response.Status)
		}
	}
}

// The page and its modules have no markup made of data, and nothing of other hosts.
func TestPageIsPlain(t *testing.T) {
	for _, name := range fileNames() {
		content, err := static.ReadFile("static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", " style=\"", "onclick=\"", "src=\"http", "@import", "url(http"} {
			if strings.Contains(string(content), bad) {
				t.Errorf("%s has %s", name, bad)
			}
		}
	}
}

func TestState(t *testing.T) {
	s := &stage{view: View{Here: Here{Name: "c1", Leads: true, Alone: true}, Cluster: away(cluster(), 2, 3)}, timelines: []*wirepb.Timeline{committed("b", 812)}}
	_, url := serve(t, s)
	_, body := get(t, url+"/api/state")
	var p page
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatal(err)
	}
	if p.Version != "v1" || p.Cluster.Height != 812 || len(p.Shards) != 3 || p.Shards[2].State != "disconnected" || p.Shards[2].AwayMs != 14000 || len(p.InFlight) != 3 || len(p.Blocks) != 1 {
		t.Errorf("state %s", body)
	}
	if p.Sentence.Level != "waiting" || !strings.HasPrefix(p.Sentence.Text, "Waits for shard 2") {
		t.Errorf("sentence %+v", p.Sentence)
	}
	if !strings.Contains(body, `"tx":null`) {
		t.Error("a rate is known after one look")
	}
}

func TestBlocks(t *testing.T) {
	s := &stage{view: View{Cluster: cluster()}, timelines: []*wirepb.Timeline{committed("b120", 120), {Key: "under way", AgeUs: 5}}}
	for h := uint64(1); h <= 120; h++ {
		s.blocks = append(s.blocks, &wirepb.Block{Height: h, Key: fmt.Sprint("b", h), Transactions: h})
	}
	_, url := serve(t, s)
	for _, test := range []struct {
		path string
		code int
		want string
	}{
		{"/api/blocks?before=3", 200, `[{"height":2,"block":"b2"`},
		{"/api/blocks?before=1", 200, `[]`},
		{"/api/blocks?before=121", 200, `[{"height":120,`},
		{"/api/blocks?before=0", 400, "a height above 0"},
		{"/api/blocks?before=x", 400, "a height above 0"},
		{"/api/block?height=7", 200, `"summary":null`},
		{"/api/block?key=b120", 200, `"summary":{"key":"b120","height":120,"end":"committed"`},
		{"/api/block?key=under+way", 200, `"block":null`},
		{"/api/block?key=none", 404, "no such block"},
		{"/api/block?height=121", 404, "no such block"},
		{"/api/block", 400, "by its key or its height"},
		{"/api/block?height=1&key=b1", 400, "by its key or its height"},
		{"/api/block?key=" + strings.Repeat("x", 1025), 400, "by its key or its height"},
		{"/api/history?every=7", 400, "1 or 10"},
		{"/api/history?every=10", 200, "[]"},
	} {
		response, body := get(t, url+test.path)
		if response.StatusCode != test.code || !strings.Contains(body, test.want) {
			t.Errorf("%s: %d %.200s, want %d %s", test.path, response.StatusCode, body, test.code, test.want)
		}
	}
	if _, body := get(t, url+"/api/blocks?before=121"); strings.Count(body, `"height"`) != mostBlocks {
		t.Errorf("a page has %d blocks", strings.Count(body, `"height"`))
	}
	s.failure = errors.New("no coordinator leads for now")
	if response, body := get(t, url+"/api/block?height=7"); response.StatusCode != 503 || !strings.Contains(body, "leads") {
		t.Errorf("without a leader: %d %s", response.StatusCode, body)
	}
}

// committed is the timeline of a block that took 10 ms.
func committed(key string, height uint64) *wirepb.Timeline {
	return &wirepb.Timeline{
		Key: key, Height: height, Transactions: 2, TakenUnixMs: 1000, End: wirepb.TimelineEnd_TIMELINE_END_COMMITTED, AttemptsTotal: 1,
		Attempts: []*wirepb.AttemptTimeline{{Epoch: 3, Attempt: 1, BeganUs: 1000, Votes: []*wirepb.VoteTimeline{{Shard: 1, AtUs: 5000, Prepared: true}, {AtUs: 7000, Prepared: true}}}},
		VotedUs:  7000, DecidedUs: 10000, CommittedUs: 15000, AgeUs: 99000,
	}
}

func TestPhases(t *testing.T) {
	text := func(list []phase) (all string) {
		for _, p := range list {
			all += fmt.Sprintf("%s %d-%d", p.Name, p.FromUs, p.ToUs)
			if p.GoesOn {
				all += "…"
			}
			all += " "
		}
		return strings.TrimSpace(all)
	}
	whole := committed("b", 1)
	committing := committed("b", 1)
	committing.CommittedUs = 0
	voting := &wirepb.Timeline{Attempts: whole.Attempts, AgeUs: 9000}
	given := &wirepb.Timeline{Attempts: []*wirepb.AttemptTimeline{{BeganUs: 10, GivenUpUs: 20}}, AgeUs: 9000}
	withdrawn := &wirepb.Timeline{End: wirepb.TimelineEnd_TIMELINE_END_ABORTED, DecidedUs: 400, AgeUs: 9000}
	for name, test := range map[string]struct {
		of   *wirepb.Timeline
		want string
	}{
		"committed":  {whole, "queued 0-1000 executing 1000-5000 voting 5000-7000 deciding 7000-10000 committing 10000-15000"},
		"committing": {committing, "queued 0-1000 executing 1000-5000 voting 5000-7000 deciding 7000-10000 committing 10000-99000…"},
		"voting":     {voting, "queued 0-1000 executing 1000-5000 voting 5000-9000…"},
		"waits":      {given, "queued 0-9000…"},
		"new":        {&wirepb.Timeline{AgeUs: 3}, "queued 0-3…"},
		"withdrawn":  {withdrawn, "queued 0-400"},
	} {
		if got := text(phasesOf(test.of)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// TestThereAreNoFilesButItsOwn: however a path is spelt, what is not on the list is
// not found.
func TestThereAreNoFilesButItsOwn(t *testing.T) {
	d := &Dashboard{}
	d.mux = d.routes()
	for _, path := range []string{
		"/static/../handler.go", "/static/..%2fhandler.go", "/static/%2e%2e/%2e%2e/go.mod", "/static//etc/passwd", "/../../etc/passwd",
		"/static/", "/static/app.js/", "/static/app.js%00.html", "/api/../static/../../go.mod", "/static/..\\go.mod",
	} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.URL.Path, request.URL.RawPath = path, ""
		if unescaped, err := url.PathUnescape(path); err == nil {
			request.URL.Path = unescaped
		}
		answer := httptest.NewRecorder()
		d.ServeHTTP(answer, request)
		if code := answer.Code; code != http.StatusNotFound && (code < 300 || code > 399) {
			t.Errorf("%s: code %d, %q", path, code, answer.Body)
		}
	}
}
