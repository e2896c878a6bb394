package rpc

import (
	"net"
	"sync"
)

// cuttable is a listener that can end every connection it accepted. A gRPC
// server that is stopped waits for connections whose client has said nothing
// yet, and knows no way to end them.
type cuttable struct {
	net.Listener

	mu   sync.Mutex
	cut  bool
	open map[*cuttableConn]struct{}
}

// newCuttable wraps a listener.
func newCuttable(l net.Listener) *cuttable {
	return &cuttable{Listener: l, open: map[*cuttableConn]struct{}{}}
}

// Accept implements net.Listener.
func (c *cuttable) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	accepted := &cuttableConn{Conn: conn, of: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		conn.Close()
	} else {
		c.open[accepted] = struct{}{}
	}
	return accepted, nil
}

// cutAll ends all connections, and those that still come.
func (c *cuttable) cutAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	for conn := range c.open {
		conn.Conn.Close()
	}
}

// cuttableConn forgets itself when it is closed.
type cuttableConn struct {
	net.Conn
	of *cuttable
}

// Close implements net.Conn.
func (c *cuttableConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
