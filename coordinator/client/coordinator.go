package client

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// mostFound bounds the coordinators that are remembered beside those of the list.
const mostFound = wire.MaxCoordinators

// Coordinator asks the coordinator of a cluster that leads, wherever it is: at
// one of its addresses, where one of those sends it, or at one of the others that
// the leader has told of. It may be used from many goroutines at once.
type Coordinator struct {
	retrying Retrying
	identity *identity.Identity

	open     context.Context // done once it is closed
	closing  context.CancelFunc
	learning sync.WaitGroup // calls of learn

	mu      sync.Mutex
	peers   []*peer // of the list, then those found beside it
	given   int     // length of the list
	current *peer   // asked first
}

// NewCoordinator takes a comma list of addresses, for a cluster that is reached in
// plaintext. It connects when it is first asked; an error means that the list is not
// one.
func NewCoordinator(addresses string) (*Coordinator, error) { return NewCoordinatorAs(nil, addresses) }

// NewCoordinatorAs is NewCoordinator for whoever proves who it is; nil for plaintext.
func NewCoordinatorAs(i *identity.Identity, addresses string) (*Coordinator, error) {
	list, err := ParseAddresses(addresses)
	if err != nil {
		return nil, err
	}
	c := &Coordinator{identity: i}
	c.open, c.closing = context.WithCancel(context.Background())
	for _, address := range list {
		p, err := newPeer(address, i)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.peers = append(c.peers, p)
	}
	c.given, c.current = len(c.peers), c.peers[0]
	return c, nil
}

// OnRetry has somebody told why a call that changes nothing is made again. Call
// it before the first call.
func (c *Coordinator) OnRetry(tell Retrying) { c.retrying = tell }

// Close ends all connections. No call may be under way.
func (c *Coordinator) Close() error {
	c.mu.Lock()
	c.closing() // learn looks at it under the lock
	c.mu.Unlock()
	c.learning.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var all error
	for _, p := range c.peers {
		all = errors.Join(all, p.conn.Close())
	}
	return all
}

func (c *Coordinator) preferred() *peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// known is how many coordinators there are to ask.
func (c *Coordinator) known() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.peers)
}

// passOver makes the next coordinator the preferred one, if p still is.
func (c *Coordinator) passOver(p *peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == p {
		c.current = c.peers[(slices.Index(c.peers, p)+1)%len(c.peers)]
	}
}

// follow makes the coordinator at an address the preferred one; false if that is
// no address, or too many were found.
func (c *Coordinator) follow(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.find(address)
	if p != nil {
		c.current = p
	}
	return p != nil
}

// find gives the coordinator at an address, and remembers it if it is a new one;
// nil if that is no address, or too many were found.
func (c *Coordinator) find(address string) *peer {
	for _, p := range c.peers {
		if p.address == address {
			return p
		}
	}
	if len(c.peers)-c.given >= mostFound || checkAddress(address) != nil {
		return nil
	}
	p, err := newPeer(address, c.identity)
	if err != nil {
		return nil
	}
	c.peers = append(c.peers, p)
	return p
}

// reached gives the preferred coordinator once it is connected, if there are
// others to ask in its place. It is kept until it is left.
func (c *Coordinator) reached(ctx context.Context) (*peer, error) {
	c.mu.Lock()
	p, alone := c.current, len(c.peers) == 1
	p.calls++
	c.mu.Unlock()
	if alone {
		return p, nil
	}
	return p, p.reach(ctx)
}

// leave tells that a call to p is over.
func (c *Coordinator) leave(p *peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.calls--
	c.hangUp(p)
}

// hangUp ends the connection to one that is not remembered and has no calls.
func (c *Coordinator) hangUp(p *peer) {
	if p.calls == 0 && !slices.Contains(c.peers, p) {
		p.conn.Close() // fails only if it was closed
	}
}
