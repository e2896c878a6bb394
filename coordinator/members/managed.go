package members

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

// Managed is a coordinator that can be asked about its group, and whose group can be
// changed: both served, run and closed as one. Of several coordinators each should be,
// for clients and shards ask who leads, and who the others are.
type Managed struct {
	Coordinator rpc.Node
	Members     *Service // of the group of Coordinator
}

var _ rpc.Node = Managed{}

// Register adds the services of both.
func (m Managed) Register(r grpc.ServiceRegistrar) {
	m.Coordinator.Register(r)
	m.Members.Register(r)
}

// Run runs both until ctx ends or the coordinator fails.
func (m Managed) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	group.Go(func() { m.Members.Run(ctx) })
	err := m.Coordinator.Run(ctx)
	cancel()
	group.Wait()
	return err
}

// Close closes both.
func (m Managed) Close() error { return errors.Join(m.Members.Close(), m.Coordinator.Close()) }
