package replica

import (
	"context"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftnet"
	"github.com/lockstep-exec/lockstep/protocol"
)

// network is the transport of production.
type network struct{ *raftnet.Transport }

// Inject implements injector.
func (n network) Inject(command any) error {
	_, err := n.Transport.Inject(context.Background(), command)
	return err
}

// connect makes the transport of production.
func connect(p Peering) (Transport, error) {
	t, err := raftnet.New(raftnet.Options{
		Address: addressOf(Member{p.Self().Name, p.Address}),
		Identity: func() raftnet.Identity {
			self := p.Self()
			return raftnet.Identity{Cluster: self.Cluster, Name: raft.ServerID(self.Name), Directory: self.Directory}
		},
		Expect:  func(id raft.ServerID) (protocol.DirectoryID, bool) { return p.Expect(string(id)) },
		Met:     func(id raft.ServerID, d protocol.DirectoryID) { p.Met(string(id), d) },
		Fresh:   p.Fresh,
		Dial:    p.Dial,
		Proof:   p.Proof,
		Timeout: 3 * p.Timing.Heartbeat, Logger: p.Logger,
	})
	if err != nil {
		return nil, err
	}
	return network{t}, nil
}

// Register adds the service for other members to a gRPC server, before it serves.
func (r *Replica) Register(s grpc.ServiceRegistrar) {
	if t, ok := r.transport.(interface{ Register(grpc.ServiceRegistrar) }); ok {
		t.Register(s)
	}
}
