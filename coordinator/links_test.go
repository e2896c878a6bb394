package coordinator

import (
	"context"
	"errors"
	"net"
	"sync"

	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

// links are the connections between members, which can be cut. Clients and shards
// have their own.
type links struct {
	mu   sync.Mutex
	cut  map[link]bool
	open map[link][]net.Conn
}

// link leads from the address of one member to that of another.
type link struct{ from, to string }

func newLinks() *links { return &links{cut: map[link]bool{}, open: map[link][]net.Conn{}} }

var errCut = errors.New("the link is cut")

// from dials for a member.
func (l *links) from(from string) func(string, ...grpc.DialOption) (*grpc.ClientConn, error) {
	return func(address string, extra ...grpc.DialOption) (*grpc.ClientConn, error) {
		return rpc.Dial(address, append(extra, grpc.WithContextDialer(func(ctx context.Context, to string) (net.Conn, error) {
			return l.dial(ctx, link{from, to})
		}))...)
	}
}

func (l *links) dial(ctx context.Context, k link) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", k.to)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut[k] {
		conn.Close()
		return nil, errCut
	}
	l.open[k] = append(l.open[k], conn)
	return conn, nil
}

// isolate cuts all links of a member with others.
func (l *links) isolate(member string, others []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, other := range others {
		for _, k := range []link{{member, other}, {other, member}} {
			l.cut[k] = true
			for _, conn := range l.open[k] {
				conn.Close()
			}
			delete(l.open, k)
		}
	}
}

func (l *links) heal(member string, others []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, other := range others {
		delete(l.cut, link{member, other})
		delete(l.cut, link{other, member})
	}
}
