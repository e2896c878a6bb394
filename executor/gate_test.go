package executor

import (
	"net"
	"sync"
	"testing"
)

// gate is a TCP proxy in front of an address. It can cut what passes it, or
// freeze it: then nothing comes through and nobody is told.
type gate struct {
	listener net.Listener
	to       string
	group    sync.WaitGroup

	mu     sync.Mutex
	pairs  map[*pair]bool
	closed bool
}

type pair struct {
	ends   [2]net.Conn
	frozen chan struct{} // closed: nothing is copied any more
	once   sync.Once
	over   chan struct{}
}

func newGate(t testing.TB, to string) *gate {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{listener: l, to: to, pairs: map[*pair]bool{}}
	g.group.Go(g.serve)
	t.Cleanup(g.close)
	return g
}

func (g *gate) address() string { return g.listener.Addr().String() }

func (g *gate) serve() {
	for {
		in, err := g.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", g.to)
		if err != nil {
			in.Close()
			continue
		}
		p := &pair{ends: [2]net.Conn{in, out}, frozen: make(chan struct{}), over: make(chan struct{})}
		g.mu.Lock()
		if g.closed {
			g.mu.Unlock()
			in.Close()
			out.Close()
			return
		}
		g.pairs[p] = true
		g.group.Go(func() { p.copy(in, out) })
		g.group.Go(func() { p.copy(out, in) })
		g.mu.Unlock()
	}
}

func (p *pair) copy(from, to net.Conn) {
	defer p.end()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		select {
		case <-p.frozen:
			<-p.over
			return
		default:
		}
		if err != nil {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

func (p *pair) end() {
	p.once.Do(func() {
		close(p.over)
		p.ends[0].Close()
		p.ends[1].Close()
	})
}

// cut ends every connection.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range g.pairs {
		p.end()
		delete(g.pairs, p)
	}
}

// freeze has every connection say nothing more; new ones pass.
func (g *gate) freeze() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range g.pairs {
		select {
		case <-p.frozen:
		default:
			close(p.frozen)
		}
	}
}

func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.listener.Close()
	g.cut()
	g.group.Wait()
}
