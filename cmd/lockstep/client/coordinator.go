package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Coordinator asks the coordinator of a cluster, at whichever of its addresses
// answers. It may be used from many goroutines at once.
type Coordinator struct {
	servers []server
	conns   []*grpc.ClientConn
	clients []wirepb.CoordinatorServiceClient

	mu      sync.Mutex
	current int // index of the server that is asked first
}

// NewCoordinator takes a comma list of addresses. It connects when it is first
// asked; an error means that the list is not one.
func NewCoordinator(addresses string) (*Coordinator, error) {
	list, err := parseAddresses(addresses)
	if err != nil {
		return nil, err
	}
	c := &Coordinator{}
	for _, address := range list {
		conn, err := rpc.Dial(address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%q is not an address: %w", address, err), c.Close())
		}
		c.servers = append(c.servers, server{"coordinator", address})
		c.conns = append(c.conns, conn)
		c.clients = append(c.clients, wirepb.NewCoordinatorServiceClient(conn))
	}
	return c, nil
}

// Close ends all connections.
func (c *Coordinator) Close() error {
	var all error
	for _, conn := range c.conns {
		all = errors.Join(all, conn.Close())
	}
	return all
}

// Get reads keys, all as of one committed height; the newest if height is 0.
func (c *Coordinator) Get(ctx context.Context, keys [][]byte, height uint64) (*wirepb.GetResponse, error) {
	request := &wirepb.GetRequest{Keys: keys, AtHeight: optional(height)}
	response, err := ask(ctx, c, wirepb.CoordinatorServiceClient.Get, request)
	if err == nil && len(response.GetValues()) != len(keys) {
		return nil, fmt.Errorf("the coordinator answers with %d values for %d keys: is it of another version?", len(response.GetValues()), len(keys))
	}
	return response, err
}

// Status gives the cluster at a glance.
func (c *Coordinator) Status(ctx context.Context) (*wirepb.ClusterStatus, error) {
	response, err := ask(ctx, c, wirepb.CoordinatorServiceClient.Status, &wirepb.StatusRequest{})
	return response.GetStatus(), err
}

// Block looks a committed block up by its key.
func (c *Coordinator) Block(ctx context.Context, key string) (*wirepb.Block, error) {
	request := &wirepb.GetBlockRequest{By: &wirepb.GetBlockRequest_Key{Key: key}}
	response, err := ask(ctx, c, wirepb.CoordinatorServiceClient.GetBlock, request)
	if status.Code(err) == codes.NotFound {
		return nil, fmt.Errorf("no block with key %q is committed", key)
	}
	return response.GetBlock(), err
}

func optional(height uint64) *uint64 {
	if height == 0 {
		return nil
	}
	return &height
}

// method is a method of the generated client.
type method[Q, A any] func(wirepb.CoordinatorServiceClient, context.Context, Q, ...grpc.CallOption) (A, error)

// ask calls one server after the other until one can be reached, beginning
// with the one that answered last. It is for calls that change nothing.
func ask[Q, A any](ctx context.Context, c *Coordinator, call method[Q, A], request Q) (answer A, err error) {
	for range c.clients {
		i := c.preferred()
		answer, err = call(c.clients[i], ctx, request)
		if err == nil {
			return answer, nil
		}
		err = c.servers[i].explain(ctx, err)
		if status.Code(err) != codes.Unavailable || ctx.Err() != nil {
			return answer, err
		}
		c.passOver(i)
	}
	return answer, c.nobody(err)
}

// nobody adds who else was asked in vain.
func (c *Coordinator) nobody(last error) error {
	if len(c.servers) == 1 {
		return last
	}
	return fmt.Errorf("none of the %d coordinators answers; the last: %w", len(c.servers), last)
}

func (c *Coordinator) preferred() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// passOver makes the next server the preferred one, if i still is.
func (c *Coordinator) passOver(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == i {
		c.current = (i + 1) % len(c.servers)
	}
}
