package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// watch opens a stream of events.
func watch(t *testing.T, url string) *bufio.Reader {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("answers %s, %v", response.Status, response.Header)
	}
	return bufio.NewReader(response.Body)
}

func next(t *testing.T, r *bufio.Reader) (p page) {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &p); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if blank, err := r.ReadString('\n'); err != nil || blank != "\n" {
		t.Fatalf("after an event comes %q, %v", blank, err)
	}
	return p
}

// The stream outlives the time limits of the server, by far.
func TestEvents(t *testing.T) {
	s := &stage{view: View{Cluster: cluster()}}
	d, url := serve(t, s)
	events := watch(t, url)
	if p := next(t, events); p.Sentence.Kind != "idle" {
		t.Errorf("at once: %+v", p.Sentence)
	}
	time.Sleep(500 * time.Millisecond) // more than twice what any other answer may take
	s.set(View{Cluster: away(cluster(), 1, 0)})
	d.look(t.Context())
	if p := next(t, events); p.Sentence.Kind != "absent [1]" {
		t.Errorf("then: %+v", p.Sentence)
	}
}

// Who does not read is dropped, and holds nobody up.
func TestSlowWatcher(t *testing.T) {
	s := &stage{view: View{Cluster: cluster()}}
	s.view.Failure = strings.Repeat("x", 1<<10)
	d, url := serve(t, s)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /api/events HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); !d.hub.watched(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the watcher never joined")
		}
	}
	big := []byte(strings.Repeat("x", 1<<20))
	began := time.Now()
	for told := 0; d.hub.watched(); told++ {
		if told > 1000 {
			t.Fatal("somebody who does not read is not dropped")
		}
		d.hub.tell(big)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("dropping took %v", took)
	}
}

func TestMostWatchers(t *testing.T) {
	d, url := serve(t, &stage{view: View{Cluster: cluster()}})
	for range mostWatchers {
		if _, ok := d.hub.join(); !ok {
			t.Fatal("no room")
		}
	}
	response, _ := get(t, url+"/api/events")
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("one too many gets %s", response.Status)
	}
}

// A dashboard that ends lets its watchers go at once, so that its daemon can.
func TestRunEnds(t *testing.T) {
	s := &stage{view: View{Cluster: cluster()}}
	d, url := serve(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { d.Run(ctx); close(ended) }()
	events := watch(t, url)
	next(t, events)
	cancel()
	<-ended
	for {
		if _, err := events.ReadString('\n'); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if response, _ := get(t, url+"/api/events"); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after the end: %s", response.Status)
	}
}
