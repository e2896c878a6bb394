package dashboard

import "sync"

const (
	// mostWatchers bounds those who watch at once.
	mostWatchers = 64
	// watcherQueue is how many events wait for one of them; then it is dropped.
	watcherQueue = 4
)

// hub gives every event to all who watch, and waits for none of them. It is safe
// for concurrent use.
type hub struct {
	mu       sync.Mutex
	watchers map[chan []byte]struct{}
	closed   bool
}

func newHub() *hub { return &hub{watchers: map[chan []byte]struct{}{}} }

// join adds somebody who watches; ok is false if there are too many, or the hub
// is closed. The channel is closed when the watcher was too slow, or the hub is.
func (h *hub) join() (events chan []byte, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.watchers) >= mostWatchers {
		return nil, false
	}
	events = make(chan []byte, watcherQueue)
	h.watchers[events] = struct{}{}
	return events, true
}

// leave ends what join began. It may be called more than once.
func (h *hub) leave(events chan []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(events)
}

// drop is leave, with h.mu held.
func (h *hub) drop(events chan []byte) {
	if _, there := h.watchers[events]; there {
		delete(h.watchers, events)
		close(events)
	}
}

// watched tells whether anybody watches.
func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

// tell gives an event to everybody, and drops those who have no room for it.
func (h *hub) tell(event []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for events := range h.watchers {
		select {
		case events <- event:
		default:
			h.drop(events)
		}
	}
}

// close drops everybody, for good.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for events := range h.watchers {
		h.drop(events)
	}
}
