package rpc

import (
	"errors"
	"net"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
)

// loggedListener tells of failures to accept, such as too many open files,
// which gRPC otherwise retries in silence.
type loggedListener struct {
	net.Listener
	logger   hclog.Logger
	failures atomic.Int64
}

func (l *loggedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	switch {
	case err == nil:
		l.failures.Store(0)
	case !errors.Is(err, net.ErrClosed):
		if n := l.failures.Add(1); worthTelling(n) {
			l.logger.Error("cannot accept connections", "address", l.Addr(), "failures", n, "error", err)
		}
	}
	return c, err
}

// worthTelling picks the 1st, 2nd, 4th, 8th … of many alike.
func worthTelling(n int64) bool { return n > 0 && n&(n-1) == 0 }
