package link

import (
	"io"
	"net"
	"sync"
)

const bufferBytes = 64 << 10

// pair is one connection through a link: its near end towards the dialler, its
// far end towards the target.
type pair struct {
	near, far net.Conn
	once      sync.Once
	ended     chan struct{}
}

// end breaks both ends.
func (p *pair) end() {
	p.once.Do(func() {
		close(p.ended)
		p.near.Close()
		p.far.Close()
	})
}

func (p *pair) write(b []byte) bool {
	_, err := p.far.Write(b)
	return err == nil
}

// back copies what the target sends.
func (p *pair) back() {
	defer p.end()
	// Any error means that one end is gone, and so is the other then.
	_, _ = io.CopyBuffer(plainWriter{p.near}, p.far, make([]byte, bufferBytes))
}

// plainWriter hides what would make io.Copy bypass the buffer.
type plainWriter struct{ io.Writer }
