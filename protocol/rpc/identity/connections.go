package identity

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"time"
)

// held is something that lasts only as long as a peer is to be trusted.
type held struct {
	chain []*x509.Certificate // of the peer
	usage x509.ExtKeyUsage
	end   func()

	// What it was found to be good for last; of sweep alone.
	under *material
	until time.Time
}

// hold ends something once the peer is not to be trusted any more, unless release is
// called before.
func (i *Identity) hold(h *held) (release func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.open[h] = struct{}{}
	return func() { i.drop(h) }
}

func (i *Identity) drop(h *held) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.open, h)
}

// sweep ends what is held for peers whose certificate has expired, or whose authority
// is not one any more. What was found good is looked at again only when the files have
// changed or something expires.
func (i *Identity) sweep() {
	i.sweeping.Lock()
	defer i.sweeping.Unlock()
	m, now := i.current.Load(), i.now()
	for _, h := range i.heldNow() {
		if h.under == m && now.Before(h.until) {
			continue
		}
		if err := m.verify(h.chain, h.usage, now); err != nil {
			i.logger.Warn("ends a connection: its peer is not to be trusted any more", "peer", describe(h.chain[0]), "error", err)
			h.end()
			i.drop(h)
			continue
		}
		h.under, h.until = m, earliest(append(slices.Clone(m.authorities), h.chain...))
	}
}

func (i *Identity) heldNow() []*held {
	i.mu.Lock()
	defer i.mu.Unlock()
	list := make([]*held, 0, len(i.open))
	for h := range i.open {
		list = append(list, h)
	}
	return list
}

// conn is a connection that is ended when its peer is not to be trusted any more.
type conn struct {
	*tls.Conn
	release func()
	first   bool // nothing was read yet
}

// keep holds a connection that has been made, to a peer with a certificate for a
// usage. raw is what lies below it.
func (i *Identity) keep(c *tls.Conn, raw net.Conn, usage x509.ExtKeyUsage) *conn {
	h := &held{chain: c.ConnectionState().PeerCertificates, usage: usage, end: func() { raw.Close() }}
	return &conn{Conn: c, release: i.hold(h), first: true}
}

// Read implements net.Conn. A server that does not accept the certificate says so only
// after the handshake, in place of its first word.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.first {
		c.first = false
		err = explainAlert(err)
	}
	return n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.release()
	return c.Conn.Close()
}
