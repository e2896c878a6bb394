package guard_test

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/credentials"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
)

// counting are credentials that count the connections that they have made and not closed.
type counting struct {
	credentials.TransportCredentials
	open atomic.Int64
}

func (c *counting) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c.open.Add(1)
	return counted{raw, c}, nil, nil
}

func (c *counting) Clone() credentials.TransportCredentials { return c }

type counted struct {
	net.Conn
	of *counting
}

func (c counted) Close() error {
	c.of.open.Add(-1)
	return c.Conn.Close()
}

// handshakes has so many connections made, which stay until the test ends, and gives what
// became of each.
func handshakes(t *testing.T, g *guard.Guard, secure credentials.TransportCredentials, n int) (ended []error) {
	t.Helper()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	l := g.Listener(raw)
	for range n {
		c, err := net.Dial("tcp", raw.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		made, _, err := secure.ServerHandshake(accepted)
		if err == nil {
			t.Cleanup(func() { made.Close() })
		}
		ended = append(ended, err)
	}
	return ended
}

// Whoever proves whose the connection is does not count against the address, which
// strangers may share.
func TestMembersDoNotCountAgainstTheirAddress(t *testing.T) {
	refusals := guard.NewRefusals(nil)
	g := guard.New(guard.Limits{NewAtOnce: 3, NewPerSecond: 1}, refusals)
	var n atomic.Int64
	secure := g.Secure(&counting{}, func(credentials.AuthInfo) string { return fmt.Sprint("member ", n.Add(1)) })
	for n, err := range handshakes(t, g, secure, 20) {
		if err != nil {
			t.Fatalf("connection %d: %v", n, err)
		}
	}
	if counts := refusals.Counts(); counts[guard.TooManyNew] != 0 {
		t.Errorf("refused: %v", counts)
	}
}

// Credentials hold something for every connection that they have made: it is given back
// also for those that are refused after that.
func TestWhatCredentialsHoldIsGivenBack(t *testing.T) {
	refusals := guard.NewRefusals(nil)
	g := guard.New(guard.Limits{PeerConnections: 2}, refusals)
	inside := &counting{}
	secure := g.Secure(inside, func(credentials.AuthInfo) string { return "somebody" })
	for n, err := range handshakes(t, g, secure, 5) {
		if got := err == nil; got != (n < 2) {
			t.Errorf("connection %d: %v", n, err)
		}
	}
	if n := inside.open.Load(); n != 2 {
		t.Errorf("%d connections are held, want 2", n)
	}
	if n := refusals.Counts()[guard.TooManyOfPeer]; n != 3 {
		t.Errorf("%d refusals, want 3", n)
	}
}
