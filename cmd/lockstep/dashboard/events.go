package dashboard

import (
	"net/http"
	"time"
)

const (
	// patience is how long somebody who watches may take to read an event; within
	// it the queue fills up too.
	patience = 5 * time.Second
	// comeBack is what those are told, in seconds, for whom there is no room.
	comeBack = "5"
)

const eventsPath = "/api/events"

// IsFeed reports whether a path is answered for as long as somebody watches.
func IsFeed(path string) bool { return path == eventsPath }

// events sends what is seen, at once and then every second, until the watcher goes
// or reads too slowly.
func (d *Dashboard) events(w http.ResponseWriter, r *http.Request) {
	queue, ok := d.hub.join()
	if !ok {
		w.Header().Set("Retry-After", comeBack)
		http.Error(w, "too many watch already, or the coordinator stops: try again later", http.StatusServiceUnavailable)
		return
	}
	defer d.hub.leave(queue)
	s := stream{w: w, control: http.NewResponseController(w)}
	if s.control.SetReadDeadline(time.Time{}) != nil { // a watcher says nothing more
		http.Error(w, "this connection cannot carry events", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy between must not collect them
	first, ok := d.encode(d.page(r.Context(), d.seen.Load()))
	if !ok || s.send(first) != nil {
		return
	}
	for {
		select {
		case event, more := <-queue:
			if !more || s.send(event) != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// stream writes events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// send writes one event. The JSON has no line breaks.
func (s stream) send(event []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for _, part := range [][]byte{[]byte("data: "), event, []byte("\n\n")} {
		if _, err := s.w.Write(part); err != nil {
			return err
		}
	}
	return s.control.Flush()
}
