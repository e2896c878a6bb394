package guard

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// meterPointer is a meter that may not be there yet.
type meterPointer = atomic.Pointer[meter]

// errCut is what the server finds of a connection that went beyond a limit.
var errCut = errors.New("the connection went beyond a limit, and was ended")

// smallFrame is the content of a data frame below which it brings next to nothing, unless
// a message is complete with it.
const smallFrame = 1 << 10

// framesOfAnswer is how many small frames go with each frame of an answer, and with each
// call: credit for stream and connection.
const framesOfAnswer = 3

// mostEarned bounds them: an answer of gigabytes may be on its way.
const mostEarned = 1 << 20

// meter is an HTTP/2 connection of gRPC, inside TLS if there is TLS, on which it is
// counted what goes over it. Reader and writer are one goroutine each.
type meter struct {
	net.Conn
	conn  *conn
	guard *Guard

	mu       sync.Mutex
	in, out  scanner
	broken   Reason // beyond which limit it went; "" for none
	streams  map[uint32]*incoming
	last     uint32 // highest stream that a client has opened
	opened   bool
	complete bool    // the data frame that is being read has completed a message
	word     [4]byte // of a frame that goes out and holds nothing else
	filled   int     // of word
	resets   bucket
	frames   bucket
	earned   int // small frames that are allowed besides
	answers  map[*parcel]struct{}
	total    int64 // bytes of data that have come
	over     bool  // nothing is counted any more

	held  atomic.Int64 // bytes in both directions
	since atomic.Int64 // Unix nanoseconds from when on that is much; 0 while it is not
}

func newMeter(inside net.Conn, c *conn) *meter {
	l, now := c.guard.limits, c.guard.now()
	m := &meter{
		Conn: inside, conn: c, guard: c.guard,
		in: scanner{skip: prefaceBytes}, streams: map[uint32]*incoming{}, answers: map[*parcel]struct{}{},
		resets: newBucket(l.ResetsAtOnce, l.ResetsPerSecond, now), frames: newBucket(l.FramesAtOnce, l.FramesPerSecond, now),
	}
	c.meter.Store(m)
	return m
}

// Read implements net.Conn.
func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	if n == 0 {
		return n, err
	}
	m.mu.Lock()
	before := m.total
	m.in.scan(b[:n], (*received)(m))
	broken, data := m.broken, m.total-before
	m.mu.Unlock()
	if broken != "" {
		m.guard.punish(m.conn)
		m.conn.cut(broken, brokenSentence(broken))
		return 0, errCut
	}
	m.guard.relieve()
	if data > 0 {
		time.Sleep(m.guard.wasted(m.conn, int(data)))
	}
	return n, err
}

func brokenSentence(r Reason) string {
	if r == Resets {
		return "it takes too many calls back, or begins more at once than it was told: see what runs there"
	}
	return "it sends too many frames that bring nothing: see what runs there"
}

// Write implements net.Conn. A peer that takes nothing is given up.
func (m *meter) Write(b []byte) (int, error) {
	m.mu.Lock()
	m.out.scan(b, (*sent)(m))
	m.mu.Unlock()
	patience := m.guard.limits.WritePatience
	if err := m.Conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	n, err := m.Conn.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		m.conn.cut(SlowReader, "it has taken nothing of what is written to it for "+patience.String()+": see whether it hangs")
	}
	return n, err
}

// Close implements net.Conn.
func (m *meter) Close() error {
	err := m.Conn.Close()
	m.conn.Close() //nolint:errcheck // closed by the line before; this gives back what it held
	return err
}

// received is what a meter does with what comes in.
type received meter

func (r *received) begins(f frame) {
	m := (*meter)(r)
	m.complete = f.kind != frameData
	switch f.kind {
	case frameHeaders:
		m.earn()
		if f.stream > m.last {
			m.last = f.stream
			m.streams[f.stream] = &incoming{born: m.guard.now()}
		}
	case frameData:
	case frameReset:
		m.forget(f.stream)
		if !m.resets.take(m.guard.now()) {
			m.broken = Resets
		}
	default:
		m.spend() // answers to settings and pings of the server too, which has earned them
	}
}

// earn allows the small frames that go with a call or an answer.
func (m *meter) earn() { m.earned = min(m.earned+framesOfAnswer, mostEarned) }

func (m *meter) spend() {
	switch {
	case m.earned > 0:
		m.earned--
	case !m.frames.take(m.guard.now()):
		m.broken = Frames
	}
}

func (r *received) content(f frame, b []byte) {
	m := (*meter)(r)
	if f.kind != frameData {
		return
	}
	if i := m.streams[f.stream]; i != nil {
		m.complete = i.add(b, m.guard.now(), m.total) || m.complete
		m.count(i)
	}
	m.total += int64(len(b))
}

func (r *received) ends(f frame) {
	m := (*meter)(r)
	if f.kind == frameSettings && !m.opened {
		m.opened = true
		m.guard.opened(m.conn)
	}
	if f.kind == frameData && f.length < smallFrame && !m.complete && !(f.has(flagEndStream) && m.streams[f.stream] != nil) {
		m.spend()
	}
	if (f.kind == frameData || f.kind == frameHeaders) && f.has(flagEndStream) {
		if i := m.streams[f.stream]; i != nil {
			i.have = 0 // it will never be complete
			m.count(i)
		}
	}
}

// sent is what a meter does with what goes out.
type sent meter

func (s *sent) begins(f frame) {
	m := (*meter)(s)
	m.filled = 0
	switch {
	case f.kind == frameReset, (f.kind == frameHeaders || f.kind == frameData) && f.has(flagEndStream):
		m.forget(f.stream)
	case f.kind == frameData, (f.kind == frameSettings || f.kind == framePing) && !f.has(flagAck):
		m.earn()
	}
}

func (s *sent) content(f frame, b []byte) {
	m := (*meter)(s)
	if f.kind == frameWindowUpdate || f.kind == frameReset {
		m.filled += copy(m.word[m.filled:], b)
	}
}

func (s *sent) ends(f frame) {
	m := (*meter)(s)
	if m.filled < len(m.word) {
		return
	}
	word := binary.BigEndian.Uint32(m.word[:])
	switch i := m.streams[f.stream]; {
	case f.kind == frameReset && word != noError && word != cancelled && !m.resets.take(m.guard.now()):
		m.broken = Resets
	case f.kind == frameWindowUpdate && i != nil:
		i.credited += int(word)
		m.count(i)
	}
}

// forget drops what is known of a stream that is over. m.mu is held.
func (m *meter) forget(stream uint32) {
	if i := m.streams[stream]; i != nil {
		m.hold(-i.held)
		delete(m.streams, stream)
	}
}

// count counts anew what is held of a stream. m.mu is held.
func (m *meter) count(i *incoming) {
	now := i.bytes()
	m.hold(now - i.held)
	i.held = now
}

// hold counts bytes that are held from now on, or no more. m.mu is held.
func (m *meter) hold(bytes int) {
	if m.over || bytes == 0 {
		return
	}
	m.guard.held.Add(int64(bytes))
	switch held := m.held.Add(int64(bytes)); {
	case held < much:
		m.since.Store(0)
	case m.since.Load() == 0:
		m.since.Store(m.guard.now().UnixNano())
	}
}

// release forgets all of a connection that is closed.
func (m *meter) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.over {
		m.over = true
		m.guard.held.Add(-m.held.Swap(0))
	}
}

// progress is how many bytes of data have come, and whether there is a call of which none
// has for so long.
func (m *meter) progress(since time.Duration) (bytes int64, silent bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.guard.now()
	for _, i := range m.streams {
		silent = silent || i.received == 0 && now.Sub(i.born) >= since
	}
	return m.total, silent
}

// judgeSpeed ends the connection if its peer is too slow.
func (m *meter) judgeSpeed(now time.Time) {
	if m.sendsSlowly(now) {
		m.conn.cut(SlowSender, "a message of it stays incomplete for too long: see whether it hangs, or its link is too slow")
	}
	if m.readsSlowly(now) {
		m.conn.cut(SlowReader, "it does not take an answer that it has asked for: see whether it hangs, or its link is too slow")
	}
}

func (m *meter) sendsSlowly(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range m.streams {
		if i.late(now, m.total, m.guard.limits) {
			return true
		}
	}
	return false
}

func (m *meter) readsSlowly(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.answers {
		if now.Sub(p.since) > m.guard.limits.allowed(p.bytes) {
			return true
		}
	}
	return false
}
