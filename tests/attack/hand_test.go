package attack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// How tries end.
const (
	noConnection = "no connection"
	closed       = "closed by the server"
	reset        = "reset by the server"
	ignored      = "ignored"
	cut          = "open until the attack ended"
	alerted      = "refused by TLS"
	garbled      = "not understood"
)

// hand is one attacker of a kind. It belongs to one goroutine.
type hand struct {
	*siege
	ctx  context.Context // until the attack is over
	rand *rand.Rand
	from net.IP // where its connections come from; nil for wherever
}

// dialTimeout bounds everything that attackers wait for and do not want.
const dialTimeout = 2 * time.Second

// readBuffer is how many bytes the system keeps for an attacker that does not read.
const readBuffer = 16 << 10

// sources are the addresses that attackers come from, if this machine has them.
var sources = sync.OnceValue(func() bool {
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err == nil {
		l.Close()
	}
	return err == nil
})

func sourceOf(attacker int) net.IP {
	if !sources() {
		return nil
	}
	return net.IPv4(127, 0, 0, byte(2+attacker))
}

// node draws a node, api one of its ports, web the other.
func (h *hand) node() *cluster.Node {
	nodes := h.Nodes()
	return nodes[h.rand.IntN(len(nodes))]
}
func (h *hand) api() string { return h.node().Address }
func (h *hand) web() string { return h.node().HTTP }

// dashboard draws a coordinator's page.
func (h *hand) dashboard() string { return h.Coordinators[h.rand.IntN(coordinators)].HTTP }

// anyPort draws any port of any node.
func (h *hand) anyPort() string {
	if h.rand.IntN(2) == 0 {
		return h.web()
	}
	return h.api()
}

func (h *hand) face() face    { return h.faces[h.rand.IntN(len(h.faces))] }
func (h *hand) insider() face { return h.faces[0] }

// bytes draws some.
func (h *hand) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(h.rand.Uint32())
	}
	return b
}

// dial connects, for no longer than the attack lasts.
func (h *hand) dial(address string) (net.Conn, error) { return h.dialContext(h.ctx, address) }

func (h *hand) dialContext(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	if h.from != nil {
		d.LocalAddr = &net.TCPAddr{IP: h.from}
	}
	raw, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	_ = raw.(*net.TCPConn).SetReadBuffer(readBuffer) // it is only to be small
	c := &bounded{Conn: raw}
	c.stop = context.AfterFunc(h.ctx, func() { raw.Close() })
	return c, nil
}

// bounded is a connection that ends with the attack.
type bounded struct {
	net.Conn
	stop func() bool
}

// Close implements net.Conn.
func (b *bounded) Close() error {
	b.stop()
	return b.Conn.Close()
}

// dialAs connects as somebody, with TLS if the cluster speaks it.
func (h *hand) dialAs(f face, address string, protocols ...string) (net.Conn, error) {
	raw, err := h.dial(address)
	if err != nil || !f.secure {
		return raw, err
	}
	c := tls.Client(raw, f.config(protocols...))
	ctx, cancel := context.WithTimeout(h.ctx, dialTimeout)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// grpc gives a connection of gRPC as somebody.
func (h *hand) grpc(f face, address string) (*grpc.ClientConn, error) {
	secure := insecure.NewCredentials()
	if f.secure {
		secure = credentials.NewTLS(f.config("h2"))
	}
	dial := func(ctx context.Context, address string) (net.Conn, error) { return h.dialContext(ctx, address) }
	return rpc.Dial(address, grpc.WithTransportCredentials(secure), grpc.WithContextDialer(dial))
}

// outcome says how a connection ended.
func (h *hand) outcome(err error) string {
	switch {
	case h.ctx.Err() != nil:
		return cut
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		return ignored
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return closed
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return reset
	case errors.Is(err, syscall.ECONNREFUSED):
		return noConnection
	case strings.Contains(err.Error(), "remote error: tls"):
		return alerted
	case errors.Is(err, context.DeadlineExceeded):
		return noConnection
	}
	return "failed"
}

// called says how a call ended.
func (h *hand) called(err error) string {
	if h.ctx.Err() != nil {
		return cut
	}
	code, text := status.Code(err), status.Convert(err).Message()
	switch {
	case code == codes.Internal && strings.Contains(text, "a bug in"), code == codes.DataLoss:
		h.accuse(fmt.Errorf("a call ended in a bug: %w", err))
	case code == codes.Internal && strings.Contains(text, "unmarshal"):
		return garbled
	case code == codes.Unavailable && strings.Contains(text, "tls:"):
		return alerted
	case code == codes.Internal, code == codes.Unknown:
		h.t.Logf("a call ended oddly: %v", err)
	}
	return code.String()
}

// await reads until the server says something that is the end, or the time is over.
func (h *hand) await(c net.Conn, within time.Duration) string {
	_ = c.SetReadDeadline(time.Now().Add(within)) // if it cannot be set, the end of the attack ends it
	_, err := io.Copy(io.Discard, c)
	if err == nil {
		err = io.EOF
	}
	return h.outcome(err)
}
