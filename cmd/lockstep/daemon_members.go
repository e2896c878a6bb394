package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/dashboard"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/members"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
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

// metrics are about the group.
func (m managedCoordinator) metrics() []prometheus.Collector {
	now := func() replica.Status { return m.Replica().Status() }
	return []prometheus.Collector{
		gauge("leader", "1 if this coordinator leads.", func() float64 { return oneIf(now().Role == replica.RoleLeader) }),
		gauge("term", "Term of the group of coordinators.", func() float64 { return float64(now().Term) }),
		gauge("applied_index", "Last entry of the replicated log that this coordinator has applied.", func() float64 { return float64(now().Applied) }),
		membersCollector{m.members},
	}
}

// membersCollector tells how far behind the members are, on the leader.
type membersCollector struct{ members *members.Service }

var memberBehind = prometheus.NewDesc("lockstep_member_behind_entries",
	"Entries of the replicated log that a coordinator is behind, as its leader sees it.", []string{"member"}, nil)

// Describe implements prometheus.Collector.
func (membersCollector) Describe(to chan<- *prometheus.Desc) { to <- memberBehind }

// Collect implements prometheus.Collector.
func (c membersCollector) Collect(to chan<- prometheus.Metric) {
	for _, m := range c.members.Latest() {
		to <- prometheus.MustNewConstMetric(memberBehind, prometheus.GaugeValue, float64(m.GetBehind()), m.GetName())
	}
}
