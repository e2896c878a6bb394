package attack

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// line is a connection that speaks HTTP/2, frame by frame. What the server sends is read
// by a goroutine of its own, which answers pings, as an attacker does that wants to stay.
type line struct {
	*hand
	conn    net.Conn
	framer  *http2.Framer
	encoder *hpack.Encoder
	block   bytes.Buffer // what encoder has written
	stream  uint32       // the last one
	done    chan struct{}

	mu   sync.Mutex // of out and framer's writes
	out  *bufio.Writer
	gone string // what the server said when it ended the connection; "" if nothing
	err  error  // why nothing more can be read; once done is closed
}

// line opens one as an insider of the gRPC ports, or as anybody at an HTTP port that
// speaks HTTP/2. The settings are what the server is told first.
func (h *hand) line(settings ...http2.Setting) (*line, string) {
	f, address := h.insider(), h.api()
	if f.secure && h.rand.IntN(4) == 0 { // pages have HTTP/2 with TLS only
		f, address = h.face(), h.web()
	}
	return h.lineTo(f, address, settings...)
}

func (h *hand) lineTo(f face, address string, settings ...http2.Setting) (*line, string) {
	c, err := h.dialAs(f, address, "h2")
	if err != nil {
		return nil, h.outcome(err)
	}
	l := &line{hand: h, conn: c, out: bufio.NewWriterSize(c, 32<<10), done: make(chan struct{})}
	l.framer = http2.NewFramer(l.out, c)
	l.framer.AllowIllegalReads, l.framer.AllowIllegalWrites = true, true
	l.encoder = hpack.NewEncoder(&l.block)
	go l.read()
	err = l.write(func() error {
		_, err := io.WriteString(l.out, http2.ClientPreface)
		if err != nil {
			return err
		}
		return l.framer.WriteSettings(settings...)
	})
	if err != nil {
		return nil, l.end(0)
	}
	return l, ""
}

// read reads what the server sends, answers its pings and notes its farewell.
func (l *line) read() {
	defer close(l.done)
	for {
		frame, err := l.framer.ReadFrame()
		if err != nil {
			l.err = err
			return
		}
		switch f := frame.(type) {
		case *http2.GoAwayFrame:
			l.mu.Lock()
			l.gone = "sent away: " + f.ErrCode.String()
			l.mu.Unlock()
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = l.write(func() error { return l.framer.WritePing(true, f.Data) }) // reading tells of it too
			}
		}
	}
}

// write writes frames and sends them.
func (l *line) write(frames func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(dialTimeout)); err != nil {
		return err
	}
	if err := frames(); err != nil {
		return err
	}
	return l.out.Flush()
}

// headers encodes those of a call, with more.
func (l *line) headers(path string, more ...hpack.HeaderField) []byte {
	l.block.Reset()
	for _, f := range append([]hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: path}, {Name: ":authority", Value: "localhost"},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
	}, more...) {
		_ = l.encoder.WriteField(f) // to memory
	}
	return l.block.Bytes()
}

// open opens a stream.
func (l *line) open(block []byte) error {
	l.stream += 2
	return l.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: l.stream - 1, BlockFragment: block, EndHeaders: true})
}

// end waits for the end of the connection, ends it, and says how it went.
func (l *line) end(within time.Duration) string {
	timer := time.NewTimer(within)
	defer timer.Stop()
	over := false
	select {
	case <-l.done:
	case <-timer.C:
		over = true
	}
	_ = l.conn.Close()
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ctx.Err() != nil:
		return cut
	case l.gone != "":
		return l.gone
	case over:
		return ignored
	}
	return l.outcome(l.err)
}

// flood opens a line, writes frames of a kind, and sees what becomes of it.
func (h *hand) flood(frames int, write func(l *line, i int) error) string {
	l, ended := h.line()
	if l == nil {
		return ended
	}
	_ = l.write(func() error { // end tells how it went
		for i := range frames {
			if err := write(l, i); err != nil {
				return err
			}
		}
		return nil
	})
	return l.end(500 * time.Millisecond)
}
