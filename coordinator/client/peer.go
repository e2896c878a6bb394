package client

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// connectPatience is how long a coordinator may take to accept a connection while
// there are others to ask.
const connectPatience = time.Second

// peer is one coordinator at one address.
type peer struct {
	server
	conn     *grpc.ClientConn
	api      wirepb.CoordinatorServiceClient
	cluster  wirepb.ClusterServiceClient
	operator wirepb.OperatorServiceClient

	// Of the Coordinator, under its lock.
	calls   int       // under way
	learned time.Time // when it was asked last who the others are
	mute    bool      // it is of a release that tells nothing
	term    uint64    // in which it led when it was asked last; 0 if it did not say
}

func newPeer(address string, i *identity.Identity) (*peer, error) {
	conn, err := rpc.Dial(address, rpc.Often(), i.Expecting(identity.Coordinator, ""))
	if err != nil {
		return nil, fmt.Errorf("%q is not an address: %w", address, err)
	}
	return &peer{
		server: server{"coordinator", address}, conn: conn,
		api: wirepb.NewCoordinatorServiceClient(conn), cluster: wirepb.NewClusterServiceClient(conn), operator: wirepb.NewOperatorServiceClient(conn),
	}, nil
}

// reach waits a moment for the connection, so that a machine that is down holds
// nobody up for as long as its network stays silent.
func (p *peer) reach(ctx context.Context) error {
	if p.conn == nil {
		return nil
	}
	p.conn.Connect()
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	for {
		switch state := p.conn.GetState(); state {
		case connectivity.Ready, connectivity.TransientFailure, connectivity.Shutdown:
			return nil // the call tells more
		default:
			if !p.conn.WaitForStateChange(ctx, state) {
				return status.Errorf(codes.Unavailable, "no connection within %s", connectPatience)
			}
		}
	}
}
