package rpc

import (
	"errors"
	"net"

	"github.com/lockstep-exec/lockstep/protocol/outage"
)

// loggedListener tells of failures to accept, such as too many open files,
// which gRPC otherwise retries in silence.
type loggedListener struct {
	net.Listener
	trouble *outage.Log
}

func (l *loggedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	switch {
	case err == nil:
		l.trouble.Over("connections are accepted again", "address", l.Addr())
	case !errors.Is(err, net.ErrClosed):
		l.trouble.Error("cannot accept connections: see to what the system says", "address", l.Addr(), "error", err)
	}
	return c, err
}
