package coordinator

import (
	"fmt"

	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/coordinator/members"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// leading gives the incarnation that answers clients; the error sends them to the
// coordinator that leads.
func (c *Coordinator) leading() (*incarnation, error) {
	select {
	case <-c.ended:
		return nil, wire.NotLeader("", stopped, c.addresses()...)
	default:
	}
	if in := c.now.Load(); in != nil {
		return in, nil
	}
	return nil, c.redirect()
}

// redirect is the error that sends a caller to the leader.
func (c *Coordinator) redirect() error {
	leader, ok := c.replica.Leader()
	if ok && leader.Name != c.options.Name {
		return wire.NotLeader(leader.Address, c.whoLeads(), c.addresses()...)
	}
	if standing, reason := c.replica.Standing(); standing != replica.StandingMember {
		return wire.NotMember(reason)
	}
	return wire.NotLeader("", c.whoLeads(), c.addresses()...)
}

// addresses are those of the members, for a shard that has asked long ago who they are.
func (c *Coordinator) addresses() []string {
	return members.Addresses(c.replica.Members())
}

// whoLeads says who leads, for people.
func (c *Coordinator) whoLeads() string {
	leader, ok := c.replica.Leader()
	if !ok || leader.Name == c.options.Name {
		return fmt.Sprintf("%s does not lead, and no coordinator does for now", c.options.Name)
	}
	return fmt.Sprintf("%s does not lead; the leader is %s at %s", c.options.Name, leader.Name, leader.Address)
}

// sessionGate sends shards to the leader.
type sessionGate struct {
	wirepb.UnimplementedSessionServiceServer
	coordinator *Coordinator
	sessions    *rpc.SessionServer
}

// Open implements wirepb.SessionServiceServer.
func (g sessionGate) Open(stream grpc.BidiStreamingServer[wirepb.Frame, wirepb.Frame]) error {
	if _, err := g.coordinator.leading(); err != nil {
		return err
	}
	err := g.sessions.Open(stream)
	if _, lost := g.coordinator.leading(); err != nil && lost != nil {
		return lost
	}
	return err
}
