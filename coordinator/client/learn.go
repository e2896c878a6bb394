package client

import (
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

// learnEvery is how often a coordinator that is called is asked who the members
// are: all that the list names may be replaced while a client runs.
const learnEvery = 2 * time.Second

// learn asks a coordinator who leads and who the others are, unless that was done
// a moment ago. It does not wait.
func (c *Coordinator) learn(p *peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.conn == nil || p.mute || time.Since(p.learned) < learnEvery || c.open.Err() != nil {
		return
	}
	p.learned = time.Now()
	p.calls++
	c.learning.Go(func() {
		defer c.leave(p)
		switch s, err := rpc.Standing(c.open, p.conn); {
		case status.Code(err) == codes.Unimplemented:
			c.muted(p)
		case err == nil && s.Leads:
			c.remember(p, s.Term, s.Coordinators)
		}
	})
}

func (c *Coordinator) muted(p *peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.mute = true
}

// remember takes what p says that leads, and forgets whoever was found and is no
// member any more. Those of the list stay. The only member there is is p, at an
// address that works: the one that it knows itself by would make it look like two.
func (c *Coordinator) remember(p *peer, term uint64, members []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.term = max(p.term, term)
	switch len(members) {
	case 0:
		return
	case 1:
		members = []string{p.address}
	}
	found := slices.Clone(c.peers[c.given:])
	c.peers = slices.DeleteFunc(c.peers, func(p *peer) bool {
		return p != c.current && slices.Contains(found, p) && !slices.Contains(members, p.address)
	})
	for _, address := range members {
		c.find(address)
	}
	for _, p := range found {
		c.hangUp(p)
	}
}

// others gives connections to the coordinators beside p, and the term in which p
// led; done must be called when they are not used any more.
func (c *Coordinator) others(p *peer) (others []grpc.ClientConnInterface, term uint64, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var called []*peer
	for _, other := range c.peers {
		if other != p && other.conn != nil {
			other.calls++
			called = append(called, other)
			others = append(others, other.conn)
		}
	}
	return others, p.term, func() {
		for _, other := range called {
			c.leave(other)
		}
	}
}
