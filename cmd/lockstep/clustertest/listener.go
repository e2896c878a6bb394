package clustertest

import (
	"net"
	"sync"
)

// listener remembers its connections, so that they can be cut.
type listener struct {
	net.Listener

	mu    sync.Mutex
	conns []net.Conn
}

// Accept waits for a connection and remembers it.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
	}
	return c, err
}

func (l *listener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}
