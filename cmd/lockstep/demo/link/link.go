package link

import (
	"errors"
	"net"
	"sync"
	"time"
)

// dialTimeout bounds the way to the target, which is on this machine.
const dialTimeout = 2 * time.Second

// Link relays connections from its own address to a target. It is safe for
// concurrent use.
type Link struct {
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	target  string
	mode    mode
	changed chan struct{} // closed and replaced when the mode changes
	pairs   map[*pair]struct{}
}

type mode int

const (
	open mode = iota
	held
	cut
	closed
)

// New makes a link on a free port of the loopback address. Until it has a
// target it closes what comes in.
func New() (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{listener: listener, changed: make(chan struct{}), pairs: map[*pair]struct{}{}}
	l.running.Go(l.accept)
	return l, nil
}

// Address is where the link listens.
func (l *Link) Address() string { return l.listener.Addr().String() }

// SetTarget says where new connections go.
func (l *Link) SetTarget(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = address
}

// Open lets everything pass, also what was kept back.
func (l *Link) Open() { l.set(open) }

// Hold keeps back what the diallers send from now on. What comes back to them
// passes.
func (l *Link) Hold() { l.set(held) }

// Cut breaks all connections, loses what was kept back, and refuses new ones.
func (l *Link) Cut() { l.set(cut) }

// InUse reports whether anybody is connected through the link.
func (l *Link) InUse() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pairs) > 0
}

// Close cuts for good and waits until nothing runs any more.
func (l *Link) Close() error {
	l.set(closed)
	err := l.listener.Close()
	l.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (l *Link) set(m mode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mode == closed || l.mode == m {
		return
	}
	l.mode = m
	close(l.changed)
	l.changed = make(chan struct{})
	if m >= cut {
		for p := range l.pairs {
			p.end()
		}
	}
}

// state gives the mode, and what is closed when it changes.
func (l *Link) state() (mode, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mode, l.changed
}

func (l *Link) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return // closed: a listener on loopback has no other reason to fail for good
		}
		l.running.Go(func() { l.serve(conn) })
	}
}

func (l *Link) serve(near net.Conn) {
	p := l.connect(near)
	if p == nil {
		near.Close()
		return
	}
	var copying sync.WaitGroup
	copying.Go(func() { l.there(p) })
	copying.Go(func() { p.back() })
	copying.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pairs, p)
}

// connect dials the target; nil if there is no way now.
func (l *Link) connect(near net.Conn) *pair {
	l.mu.Lock()
	target, now := l.target, l.mode
	l.mu.Unlock()
	if target == "" || now >= cut {
		return nil
	}
	far, err := net.DialTimeout("tcp", target, dialTimeout)
	if err != nil {
		return nil
	}
	p := &pair{near: near, far: far, ended: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mode >= cut {
		far.Close()
		return nil
	}
	l.pairs[p] = struct{}{}
	return p
}

// there copies what the dialler sends, and keeps it back while the link is held.
func (l *Link) there(p *pair) {
	defer p.end()
	buffer := make([]byte, bufferBytes)
	for {
		n, err := p.near.Read(buffer)
		if n > 0 && (!l.pass(p) || !p.write(buffer[:n])) {
			return
		}
		if err != nil {
			return
		}
	}
}

// pass waits while the link is held; false if the connection ends meanwhile.
func (l *Link) pass(p *pair) bool {
	for {
		now, changed := l.state()
		switch now {
		case open:
			return true
		case cut, closed:
			return false
		}
		select {
		case <-changed:
		case <-p.ended:
			return false
		}
	}
}
