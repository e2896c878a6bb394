package client

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// mostFound bounds the coordinators that are remembered beside those of the list.
const mostFound = 8

// Coordinator asks the coordinator of a cluster that leads, wherever it is: at
// one of its addresses, or where one of those sends it. It may be used from many
// goroutines at once.
type Coordinator struct {
	retrying Retrying

	mu      sync.Mutex
	peers   []*peer // of the list, then those found beside it; only grows
	given   int     // length of the list
	current *peer   // asked first
}

// NewCoordinator takes a comma list of addresses. It connects when it is first
// asked; an error means that the list is not one.
func NewCoordinator(addresses string) (*Coordinator, error) {
	list, err := ParseAddresses(addresses)
	if err != nil {
		return nil, err
	}
	c := &Coordinator{}
	for _, address := range list {
		p, err := newPeer(address)
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

// Close ends all connections.
func (c *Coordinator) Close() error {
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
	for _, p := range c.peers {
		if p.address == address {
			c.current = p
			return true
		}
	}
	if len(c.peers)-c.given >= mostFound || checkAddress(address) != nil {
		return false
	}
	p, err := newPeer(address)
	if err != nil {
		return false
	}
	c.peers = append(c.peers, p)
	c.current = p
	return true
}

// reached gives the preferred coordinator once it is connected, if there are
// others to ask in its place.
func (c *Coordinator) reached(ctx context.Context) (*peer, error) {
	p := c.preferred()
	if c.known() == 1 {
		return p, nil
	}
	return p, p.reach(ctx)
}
