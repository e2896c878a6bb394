package guard

import (
	"container/list"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// Listener bounds the connections that a listener accepts.
func (g *Guard) Listener(l net.Listener) net.Listener { return &listener{l, g} }

type listener struct {
	net.Listener
	guard *Guard
}

// Accept implements net.Listener. Connections beyond a limit never come out of it.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.guard.admit(raw); c != nil {
			return c, nil
		}
	}
}

// admit takes a connection in, and ends another one if that is what makes room; nil if
// there is no room for it.
func (g *Guard) admit(raw net.Conn) *conn {
	from := addressFrom(raw.RemoteAddr())
	c := &conn{Conn: raw, guard: g, from: from, key: keyOf(from.Addr()), born: g.now(), opening: true}
	reason, victim := g.place(c)
	if victim != nil {
		victim.cut(reason, g.sentence(reason))
	}
	if victim != nil || reason == "" {
		return c
	}
	g.refusals.Add(reason, raw.RemoteAddr().String(), "a connection", "%s", g.sentence(reason))
	if reason == TooManyNew {
		g.sendAway(raw)
	} else {
		raw.Close()
	}
	return nil
}

const (
	// awayAfter is how long somebody is kept waiting who comes too often: whoever is sent
	// away at once comes again at once.
	awayAfter = time.Second
	// mostAway bounds the connections that are kept for that.
	mostAway = 64
)

// sendAway closes a connection after a while, or at once if many wait for that.
func (g *Guard) sendAway(raw net.Conn) {
	if g.away.Add(1) > mostAway {
		g.away.Add(-1)
		raw.Close()
		return
	}
	time.AfterFunc(awayAfter, func() {
		raw.Close()
		g.away.Add(-1)
	})
}

// place finds room: none needed, that of a victim, or none.
func (g *Guard) place(c *conn) (reason Reason, victim *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gr := g.group(c.key)
	switch {
	case !gr.newly.take(c.born):
		return TooManyNew, nil
	case len(gr.conns) >= g.limits.PeerConnections && gr.oldestOpening() == nil:
		return TooManyOfPeer, nil
	case len(gr.conns) >= g.limits.PeerConnections:
		reason, victim = TooManyOfPeer, gr.oldestOpening()
	case gr.opening() >= g.limits.Opening:
		reason, victim = TooManyOpen, gr.oldestOpening()
	case len(g.conns) >= g.limits.Connections && g.stranger(c.born) != nil:
		reason, victim = TooMany, g.stranger(c.born)
	case len(g.conns) >= g.limits.Connections:
		most := g.heaviest()
		if len(most.conns) <= len(gr.conns)+1 {
			return TooMany, nil
		}
		reason, victim = TooMany, most.leastWorth()
	}
	if victim != nil {
		g.remove(victim)
	}
	g.enter(c, gr)
	c.stranger = g.strangers.PushBack(c)
	return reason, victim
}

// stranger is the oldest connection of which nothing is known, once it had its time; nil
// if there is none. g.mu is held.
func (g *Guard) stranger(now time.Time) *conn {
	if first := g.strangers.Front(); first != nil {
		if c := first.Value.(*conn); now.Sub(c.born) >= g.limits.Introduction {
			return c
		}
	}
	return nil
}

func (g *Guard) sentence(r Reason) string {
	switch r {
	case TooManyNew:
		return "too many new connections come from its address: keep connections, and use them again"
	case TooManyOfPeer:
		return "it has as many connections as one peer may have: use one for many calls"
	case TooManyOpen:
		return "too many connections from its address have said nothing yet: see what runs there"
	}
	return "there are as many connections as there may be: see who has most of them"
}

func (gr *group) opening() (n int) {
	for c := range gr.conns {
		if c.opening {
			n++
		}
	}
	return n
}

// oldestOpening is the connection that has said nothing for longest; nil if all have.
func (gr *group) oldestOpening() (oldest *conn) {
	for c := range gr.conns {
		if c.opening && (oldest == nil || c.born.Before(oldest.born)) {
			oldest = c
		}
	}
	return oldest
}

// leastWorth is one that has said nothing, else the newest.
func (gr *group) leastWorth() *conn {
	if c := gr.oldestOpening(); c != nil {
		return c
	}
	var newest *conn
	for c := range gr.conns {
		if newest == nil || c.born.After(newest.born) {
			newest = c
		}
	}
	return newest
}

// remove takes a connection out. g.mu is held.
func (g *Guard) remove(c *conn) {
	if g.conns[c.from] == c {
		delete(g.conns, c.from)
	}
	if gr := g.groups[c.key]; gr != nil {
		delete(gr.conns, c)
	}
	g.known(c)
}

// floodConnections is how many new connections one counts for that was ended for a flood.
const floodConnections = 100

// punish keeps somebody who floods, or fills the memory, from beginning anew all the time.
func (g *Guard) punish(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gr := g.groups[c.key]; gr != nil {
		gr.newly.left = max(gr.newly.left-floodConnections, -floodConnections)
	}
}

// opened says that a connection has shown that it speaks the protocol.
func (g *Guard) opened(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.opening = false
	g.known(c)
}

// known takes a connection out of the strangers. g.mu is held.
func (g *Guard) known(c *conn) {
	if c.stranger != nil {
		g.strangers.Remove(c.stranger)
		c.stranger = nil
	}
}

// belongs says whose a connection is, which has proven it. The reason is why its peer may
// not have it; "" if it may. It counts as a new one of the peer alone, not of the address
// that it comes from, which strangers may share.
func (g *Guard) belongs(c *conn, to string) Reason {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conns[c.from] != c { // closed meanwhile
		return ""
	}
	if gr := g.groups[c.key]; gr != nil {
		gr.newly.add(1)
	}
	gr := g.group(to)
	switch {
	case len(gr.conns) >= g.limits.PeerConnections:
		return TooManyOfPeer
	case !gr.newly.take(g.now()):
		return TooManyNew
	}
	g.remove(c)
	c.key = to
	g.enter(c, gr)
	return ""
}

// wasted counts what has come over a connection, and tells how long it is not to be read.
func (g *Guard) wasted(c *conn, bytes int) time.Duration {
	g.mu.Lock()
	gr := g.group(c.key)
	connections := len(gr.conns)
	g.mu.Unlock()
	wait := gr.waste.add(bytes, connections, g.now())
	if c.urgent.Load() {
		return 0
	}
	return wait
}

// enter takes a connection into a group. g.mu is held.
func (g *Guard) enter(c *conn, gr *group) {
	g.conns[c.from] = c
	gr.conns[c] = struct{}{}
}

// addressFrom is an address as one that can be compared; zero if it has no port.
func addressFrom(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := tcp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// network is what one holder of IPv6 addresses has at least.
const network = 64

func keyOf(a netip.Addr) string {
	if a.Is6() && !a.IsLoopback() {
		if p, err := a.Prefix(network); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// conn is a connection that was taken in.
type conn struct {
	net.Conn
	guard *Guard
	from  netip.AddrPort
	born  time.Time
	meter meterPointer

	urgent atomic.Bool // it has carried a call of the cluster

	// Of the guard, under its lock.
	key      string
	opening  bool
	stranger *list.Element // while it has neither proven whose it is nor opened
}

// Close implements net.Conn.
func (c *conn) Close() error {
	if m := c.meter.Load(); m != nil {
		m.release() // first, so that nothing is held that is nobody's
	}
	c.guard.mu.Lock()
	c.guard.remove(c)
	c.guard.mu.Unlock()
	return c.Conn.Close()
}

// cut ends a connection that went beyond a limit.
func (c *conn) cut(reason Reason, sentence string) {
	c.guard.refusals.Add(reason, c.Conn.RemoteAddr().String(), "a connection", "%s", sentence)
	c.Close() //nolint:errcheck // it is of no use any more, and nobody waits for it
}

// Opened says that a connection that came from a Listener has shown that it speaks the
// protocol. It looks through TLS.
func Opened(c net.Conn) {
	for {
		switch under := c.(type) {
		case *conn:
			under.guard.opened(under)
			return
		case interface{ NetConn() net.Conn }:
			c = under.NetConn()
		default:
			return
		}
	}
}
