package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/dashboard"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/members"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// managedCoordinator is a coordinator with what operators ask of it.
type managedCoordinator struct {
	members.Managed
	coordinator *coordinator.Coordinator
	source      *dashboardSource
	dashboard   *dashboard.Dashboard
}

func manage(c *coordinator.Coordinator, i *identity.Identity, service *members.Service, log hclog.Logger) managedCoordinator {
	source := &dashboardSource{coordinator: c, identity: i, members: service}
	return managedCoordinator{
		Managed: members.Managed{Coordinator: c, Members: service}, coordinator: c,
		source: source, dashboard: dashboard.New(source, version, log),
	}
}

// Run runs all of it until ctx ends or the coordinator fails.
func (m managedCoordinator) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	group.Go(func() { m.dashboard.Run(ctx) })
	err := m.Managed.Run(ctx)
	cancel()
	group.Wait()
	return err
}

// Close closes all of it.
func (m managedCoordinator) Close() error { return errors.Join(m.source.Close(), m.Managed.Close()) }

// Ready is that of the coordinator.
func (m managedCoordinator) Ready() error { return m.coordinator.Ready() }

// readyAs says whom a coordinator follows.
func (m managedCoordinator) readyAs() string {
	now := m.coordinator.Replica().Status()
	if now.Role == replica.RoleLeader || now.Leader.Name == "" {
		return "ready"
	}
	return fmt.Sprintf("ready: follows %s at %s", now.Leader.Name, now.Leader.Address)
}

// status is what /status gives: the members too, as they were a moment ago.
func (m managedCoordinator) status(context.Context) (any, error) {
	cluster := report.ClusterOf(m.coordinator.Entry())
	if asked := m.Members.Latest(); asked != nil {
		cluster.Coordinators = report.CoordinatorsOf(asked)
	}
	if m.coordinator.Replica().Status().Role != replica.RoleLeader {
		cluster.ForgetShards() // only the leader has sessions with them
	}
	return cluster, nil
}

// Status is that of the coordinator.
func (m managedCoordinator) Status() *coordinator.Status { return m.coordinator.Status() }

// Figures are those of the coordinator.
func (m managedCoordinator) Figures() coordinator.Figures { return m.coordinator.Figures() }

// Group is the group as this coordinator sees it.
func (m managedCoordinator) Group() replica.Status { return m.coordinator.Replica().Status() }

// Latest gives the members as the leader found them last; none elsewhere.
func (m managedCoordinator) Latest() []*wirepb.CoordinatorStatus { return m.Members.Latest() }
