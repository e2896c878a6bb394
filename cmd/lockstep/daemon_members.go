package main

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/members"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
)

// managedCoordinator is a coordinator with what operators ask of it.
type managedCoordinator struct {
	members.Managed
	coordinator *coordinator.Coordinator
}

func manage(c *coordinator.Coordinator, service *members.Service) managedCoordinator {
	return managedCoordinator{Managed: members.Managed{Coordinator: c, Members: service}, coordinator: c}
}

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

// metrics are about the group.
func (m managedCoordinator) metrics() []prometheus.Collector {
	now := func() replica.Status { return m.coordinator.Replica().Status() }
	return []prometheus.Collector{
		gauge("leader", "1 if this coordinator leads.", func() float64 { return oneIf(now().Role == replica.RoleLeader) }),
		gauge("term", "Term of the group of coordinators.", func() float64 { return float64(now().Term) }),
		gauge("applied_index", "Last entry of the replicated log that this coordinator has applied.", func() float64 { return float64(now().Applied) }),
		membersCollector{m.Members},
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
