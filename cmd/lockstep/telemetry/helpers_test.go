package telemetry

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity/identitytest"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/state"
)

// paperShard is a shard that is what a test says.
type paperShard struct {
	status  executor.Status
	state   wirepb.ShardState
	figures executor.Figures
}

func (p *paperShard) Status() *executor.Status  { return &p.status }
func (p *paperShard) State() wirepb.ShardState  { return p.state }
func (p *paperShard) Figures() executor.Figures { return p.figures }

// busyShard has something of everything that is shown only if it is there.
func busyShard() *paperShard {
	return &paperShard{
		state:   wirepb.ShardState_SHARD_STATE_READY,
		figures: executor.Figures{Store: state.Stats{LastCheckpoint: time.Unix(1_700_000_000, 0)}},
	}
}

// paperCoordinator is a coordinator that is what a test says.
type paperCoordinator struct {
	status  coordinator.Status
	group   replica.Status
	figures coordinator.Figures
	members []*wirepb.CoordinatorStatus
}

func (p *paperCoordinator) Status() *coordinator.Status         { return &p.status }
func (p *paperCoordinator) Figures() coordinator.Figures        { return p.figures }
func (p *paperCoordinator) Group() replica.Status               { return p.group }
func (p *paperCoordinator) Latest() []*wirepb.CoordinatorStatus { return p.members }

// leader is one with a shard and a member.
func leader() *paperCoordinator {
	return &paperCoordinator{
		status:  coordinator.Status{CoordinatorStatus: protocol.CoordinatorStatus{Shards: make([]protocol.ShardStatus, 1)}},
		group:   replica.Status{Role: replica.RoleLeader, Leader: replica.Member{Name: "c1"}},
		members: []*wirepb.CoordinatorStatus{{Name: "c1"}},
	}
}

func shardRegistry(t *testing.T) *prometheus.Registry {
	s := NewShard(cli.Build{Version: "v1"})
	s.Secured(Security{Identity: identitytest.New(t).Open(identity.Shard, "0")})
	return s.Registry(busyShard())
}

func coordinatorRegistry(t *testing.T) *prometheus.Registry {
	c := NewCoordinator(cli.Build{Version: "v1"})
	c.Secured(Security{Identity: identitytest.New(t).Open(identity.Coordinator, "c1")})
	return c.Registry(leader())
}

// ours gives the metrics of Lockstep itself, by name.
func ours(t *testing.T, from prometheus.Gatherer) map[string]*dto.MetricFamily {
	t.Helper()
	all, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]*dto.MetricFamily{}
	for _, family := range all {
		if strings.HasPrefix(family.GetName(), namespace+"_") {
			own[family.GetName()] = family
		}
	}
	return own
}

// sample gives the value of a metric, or the number of observations of a
// histogram, by the value of its only label.
func sample(t *testing.T, from prometheus.Gatherer, name, label string) float64 {
	t.Helper()
	family := ours(t, from)[name]
	if family == nil {
		t.Fatalf("there is no %s", name)
	}
	for _, m := range family.GetMetric() {
		if label != "" && m.GetLabel()[0].GetValue() != label {
			continue
		}
		switch {
		case m.GetHistogram() != nil:
			return float64(m.GetHistogram().GetSampleCount())
		case m.GetCounter() != nil:
			return m.GetCounter().GetValue()
		}
		return m.GetGauge().GetValue()
	}
	t.Fatalf("%s has no %q", name, label)
	return 0
}
