package cluster

import (
	"io"
	"net"
	"sync"
	"time"
)

// Proxy stands for an address and forwards connections to a target, which may
// move. It breaks links the way networks do: cut, held, held one way, or slow.
// It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	toward   gate // from those who connect to the target
	back     gate
	brake    brake // both ways
	tape     tape  // of what goes to the target
	group    sync.WaitGroup

	mu     sync.Mutex
	target string
	cut    bool
	pairs  map[*pair]struct{}
}

// pair is a connection and its other half.
type pair struct {
	near, far net.Conn
	once      sync.Once
	ended     chan struct{}
}

// NewProxy listens on a free port of this machine. Without a target it turns
// every connection away.
func NewProxy() (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, pairs: map[*pair]struct{}{}}
	p.group.Go(p.accept)
	return p, nil
}

// Address is what to connect to.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Aim sets the target of connections to come.
func (p *Proxy) Aim(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Cut ends all connections and turns new ones away, until Heal.
func (p *Proxy) Cut() {
	p.mu.Lock()
	p.cut = true
	p.mu.Unlock()
	p.Break()
}

// Break ends all connections; new ones may come.
func (p *Proxy) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pair := range p.pairs {
		pair.end()
	}
}

// Hold keeps what is sent in both directions, in order, until Heal: nobody is
// told that the link is gone.
func (p *Proxy) Hold() {
	p.toward.shut()
	p.back.shut()
}

// HoldToward keeps only what is sent to the target.
func (p *Proxy) HoldToward() { p.toward.shut() }

// HoldBack keeps only what the target sends.
func (p *Proxy) HoldBack() { p.back.shut() }

// Slow delays every write, of up to 32 KiB, and lets at most so many bytes a
// second through each way; 0 is no bound. A write that waits already when this
// changes waits on.
func (p *Proxy) Slow(delay time.Duration, bytesPerSecond int) { p.brake.set(delay, bytesPerSecond) }

// Record keeps what connections to come send to the target, of at most so many of them
// and so many bytes of each, from their first byte on.
func (p *Proxy) Record(connections, bytes int) { p.tape.record(connections, bytes) }

// Recorded gives what was kept so far, by connection.
func (p *Proxy) Recorded() [][]byte { return p.tape.recorded() }

// Heal undoes Cut, Slow and all kinds of Hold. What was held flows on.
func (p *Proxy) Heal() {
	p.mu.Lock()
	p.cut = false
	p.mu.Unlock()
	p.brake.set(0, 0)
	p.toward.open()
	p.back.open()
}

// Close ends everything and waits for it.
func (p *Proxy) Close() {
	p.listener.Close()
	p.Cut()
	p.group.Wait()
}

func (p *Proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.group.Go(func() { p.serve(near) })
	}
}

// serve forwards one connection until either end is done with it.
func (p *Proxy) serve(near net.Conn) {
	pair := p.join(near)
	if pair == nil {
		near.Close()
		return
	}
	var group sync.WaitGroup
	heard := p.tape.listen()
	group.Go(func() { pair.forward(pair.far, io.TeeReader(pair.near, heard), &p.toward, &p.brake) })
	group.Go(func() { pair.forward(pair.near, pair.far, &p.back, &p.brake) })
	group.Wait()
	p.mu.Lock()
	delete(p.pairs, pair)
	p.mu.Unlock()
}

func (p *Proxy) join(near net.Conn) *pair {
	p.mu.Lock()
	target, away := p.target, p.cut || p.target == ""
	p.mu.Unlock()
	if away {
		return nil
	}
	far, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		return nil
	}
	made := &pair{near: near, far: far, ended: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut { // meanwhile
		far.Close()
		return nil
	}
	p.pairs[made] = struct{}{}
	return made
}

// forward copies from one end to the other, waiting at the gate before every
// write, and for the brake. The end of a connection waits there too: who is behind a held link
// does not learn of it.
func (p *pair) forward(to io.Writer, from io.Reader, g *gate, b *brake) {
	defer p.end()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-g.passage():
		case <-p.ended:
			return
		}
		if !b.hold(n, p.ended) {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
		if err != nil {
			return
		}
	}
}

func (p *pair) end() {
	p.once.Do(func() {
		close(p.ended)
		p.near.Close()
		p.far.Close()
	})
}
