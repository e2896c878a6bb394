package guard

import (
	"sync"
	"time"

	"google.golang.org/grpc/stats"
)

// waste is what a peer has sent that nothing came of yet: of messages that are not there
// in whole, and of calls that wait or were refused. To receive it takes processor time
// from others. It is safe for concurrent use.
type waste struct {
	most, perSecond float64

	mu    sync.Mutex
	bytes float64
	at    time.Time // when bytes was right
}

// slowest is the longest that one piece of data is kept waiting: pings stand behind it.
const slowest = 250 * time.Millisecond

// add counts bytes that have come over one of the connections of the peer, and tells how
// long that one is not to be read: not at all while there is not too much.
func (w *waste) add(bytes, connections int, now time.Time) (wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes = max(0, w.bytes-now.Sub(w.at).Seconds()*w.perSecond) + float64(bytes)
	w.at = now
	if w.bytes <= w.most {
		return 0
	}
	share := w.perSecond / float64(max(1, connections))
	return min(slowest, time.Duration(float64(bytes)/share*float64(time.Second)))
}

// used tells that something came of some bytes.
func (w *waste) used(bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes = max(0, w.bytes-float64(bytes))
}

// rested reports whether nothing is left of it.
func (w *waste) rested(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bytes <= now.Sub(w.at).Seconds()*w.perSecond
}

// received counts what came with a message: something came of it once it is taken from a
// stream, or its call was carried out.
func (c *call) received(p *stats.InPayload) {
	if c.of == nil {
		return
	}
	if classOf(c.method) != Single {
		c.of.used(p.WireLength)
		return
	}
	c.bytes += p.WireLength
}

// carriedOut tells that a call has ended well.
func (c *call) carriedOut() {
	if c.of != nil {
		c.of.used(c.bytes)
	}
}
