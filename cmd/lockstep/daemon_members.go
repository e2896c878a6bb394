package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/dashboard"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/members"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// managedCoordinator is a coordinator with what operators ask of it.
type managedCoordinator struct {
	*coordinator.Coordinator
	members   *members.Service
	source    *dashboardSource
	dashboard *dashboard.Dashboard
}

func manage(c *coordinator.Coordinator, m *members.Service, log hclog.Logger) managedCoordinator {
	source := &dashboardSource{coordinator: c, members: m}
	return managedCoordinator{c, m, source, dashboard.New(source, version, log)}
}

// Register adds the services of both.
func (m managedCoordinator) Register(r grpc.ServiceRegistrar) {
	m.Coordinator.Register(r)
	m.members.Register(r)
}

// Run runs all of it until ctx ends or the coordinator fails.
func (m managedCoordinator) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	group.Go(func() { m.members.Run(ctx) })
	group.Go(func() { m.dashboard.Run(ctx) })
	err := m.Coordinator.Run(ctx)
	cancel()
	group.Wait()
	return err
}

// Close closes all of it.
func (m managedCoordinator) Close() error {
	return errors.Join(m.source.Close(), m.members.Close(), m.Coordinator.Close())
}

// readyAs says whom a coordinator follows.
func (m managedCoordinator) readyAs() string {
	now := m.Replica().Status()
	if now.Role == replica.RoleLeader || now.Leader.Name == "" {
		return "ready"
	}
	return fmt.Sprintf("ready: follows %s at %s", now.Leader.Name, now.Leader.Address)
}

// status is what /status gives: the members too, as they were a moment ago.
func (m managedCoordinator) status(context.Context) (any, error) {
	cluster := report.ClusterOf(m.Entry())
	cluster.Coordinators = report.CoordinatorsOf(m.members.Latest())
	if now := m.Replica().Status(); now.Role != replica.RoleLeader {
		cluster.Leader = now.Leader.Name
		cluster.ForgetShards() // only the leader has sessions with them
	}
	return cluster, nil
}

// Group is the group as this coordinator sees it, for metrics.
func (m managedCoordinator) Group() replica.Status { return m.Replica().Status() }

// Latest gives the members as the leader found them last; none elsewhere.
func (m managedCoordinator) Latest() []*wirepb.CoordinatorStatus { return m.members.Latest() }
