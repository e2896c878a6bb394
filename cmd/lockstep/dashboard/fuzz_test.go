package dashboard

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzRequest: whatever request net/http takes off the wire is answered within the
// policy of the page, with JSON where it says so, and never with an error of the
// server. No request keeps the server: those who watch have left already.
func FuzzRequest(ff *testing.F) {
	f := fuzz.New(ff)
	for _, target := range []string{
		"/", "/static/app.js", "/static/", "/static/../page.go", "/static/%2e%2e/x", "/api/state", "/api/events", "/api/history?every=10",
		"/api/history?every=2", "/api/blocks?before=3", "/api/blocks?before=18446744073709551615", "/api/blocks?before=-1", "/api/block?key=b1",
		"/api/block?height=1", "/api/block?key=%00%ff&height=0", "/api/block?key=a&height=1", "/api/block?height=9", "//api/state", "/api/block?;",
	} {
		f.Add([]byte("GET " + target + " HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"x\"\r\nRange: bytes=0-1\r\n\r\n"))
	}
	f.Add([]byte("POST /api/state HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"))
	s := &stage{
		view: View{Cluster: away(cluster(), 2, 2)}, timelines: []*wirepb.Timeline{committed("b1", 1)},
		blocks: []*wirepb.Block{{Key: "b1", Height: 1}, {Key: "b2", Height: 2}},
	}
	d := New(s, "v1", hclog.NewNullLogger())
	d.look(f.Context())
	left, leave := context.WithCancel(f.Context())
	leave()
	f.Bound(1<<8, 1<<20) // the files of the page are the largest answers
	f.Fuzz(func(t testing.TB, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r.WithContext(left))
		if w.Code >= 500 && r.URL.Path != "/api/events" { // which needs a connection of its own
			t.Fatalf("%s %q answers %d %s", r.Method, r.URL, w.Code, w.Body)
		}
		if w.Header().Get("Content-Security-Policy") != policy || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Fatalf("%s %q answers without the policy: %v", r.Method, r.URL, w.Header())
		}
		if w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %q answers what is not JSON: %s", r.Method, r.URL, w.Body)
		}
	})
}

// FuzzPage: whatever other coordinators and shards tell about themselves, the page has
// something to show, and a sentence that sums it up.
func FuzzPage(ff *testing.F) {
	f := fuzz.New(ff)
	encode := func(m proto.Message) []byte {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	timelines := encode(&wirepb.ListTimelinesResponse{Timelines: []*wirepb.Timeline{committed("b1", 1), {Attempts: []*wirepb.AttemptTimeline{{Votes: []*wirepb.VoteTimeline{{}}}}}}})
	f.Add(encode(cluster()), timelines)
	f.Add(encode(away(cluster(), 2, 2)), []byte{})
	f.Add([]byte{}, timelines)
	d := New(&stage{}, "v1", hclog.NewNullLogger())
	f.Bound(1<<11, 1<<20)
	f.Fuzz(func(t testing.TB, status, told []byte) {
		var c wirepb.ClusterStatus
		var list wirepb.ListTimelinesResponse
		if proto.Unmarshal(status, &c) != nil || proto.Unmarshal(told, &list) != nil {
			return
		}
		now := between(mark{}, mark{at: d.now(), cluster: &c})
		p := pageOf(View{Cluster: &c}, now, list.GetTimelines())
		if body, err := json.Marshal(p); err != nil || !json.Valid(body) {
			t.Fatalf("%v of %v cannot be shown: %v", p, &c, err)
		}
		for _, timeline := range list.GetTimelines() {
			if _, err := json.Marshal(detailOf(timeline, nil)); err != nil {
				t.Fatalf("%v cannot be shown: %v", timeline, err)
			}
		}
	})
}
