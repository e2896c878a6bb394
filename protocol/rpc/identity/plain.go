package identity

import (
	"context"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// alertRecord is the first byte of a TLS alert. No frame of HTTP/2 that a server may
// begin with has it there.
const alertRecord = 21

// plain is plaintext that knows a server which speaks TLS.
type plain struct {
	credentials.TransportCredentials
}

func newPlain() credentials.TransportCredentials { return plain{insecure.NewCredentials()} }

// ClientHandshake implements credentials.TransportCredentials.
func (p plain) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := p.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err == nil {
		c = &plainConn{Conn: c, first: true}
	}
	return c, info, err
}

// Clone implements credentials.TransportCredentials.
func (p plain) Clone() credentials.TransportCredentials { return plain{p.TransportCredentials.Clone()} }

// plainConn looks at the first byte that comes.
type plainConn struct {
	net.Conn
	first bool
}

// Read implements net.Conn.
func (c *plainConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.first && n > 0 {
		c.first = false
		if b[0] == alertRecord {
			return 0, mark(speaksTLS)
		}
	}
	return n, err
}
