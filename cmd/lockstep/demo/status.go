package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/certset"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// statusTimeout bounds one look at a daemon.
const statusTimeout = 5 * time.Second

// statusClient asks daemons for their status, over HTTP as an operator would.
type statusClient struct {
	http.Client
	certs *certset.Set
}

func newStatusClient(certs *certset.Set) *statusClient {
	return &statusClient{http.Client{Timeout: statusTimeout, Transport: certs.Transport()}, certs}
}

func (c *statusClient) get(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.certs.URL(address, "/status"), nil)
	if err != nil {
		return err
	}
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// view is what all daemons that are up say of themselves.
type view struct {
	cluster *report.Cluster       // nil while no coordinator leads
	leader  int                   // the coordinator that leads; -1 if none does
	group   []*report.Coordinator // if there are several; nil for one that cannot be asked
	shards  []*report.Shard       // nil for one that cannot be asked
}

// look asks every daemon.
func (c *cluster) look(ctx context.Context) view {
	v := view{leader: -1, shards: make([]*report.Shard, len(c.shards))}
	if c.options.several() {
		c.lookAtGroup(ctx, &v)
	} else if p := c.coordinators[0]; p.Process != nil && p.Alive() {
		var all report.Cluster
		if c.status.get(ctx, p.http, &all) == nil {
			v.cluster, v.leader = &all, 0
		}
	}
	for i, s := range c.shards {
		if s.Process == nil || !s.Alive() {
			continue
		}
		var one report.Shard
		if c.status.get(ctx, s.http, &one) == nil {
			v.shards[i] = &one
		}
	}
	return v
}

// lookAtGroup asks every coordinator about itself. The one that leads in the
// highest term tells of the cluster.
func (c *cluster) lookAtGroup(ctx context.Context, v *view) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	v.group = make([]*report.Coordinator, len(c.coordinators))
	for i, m := range c.coordinators {
		if m.Process == nil || !m.Alive() || m.self == nil {
			continue
		}
		all, here, err := m.self.StatusHere(ctx)
		if err != nil {
			continue
		}
		v.group[i] = &report.MembersOf([]*wirepb.CoordinatorStatus{here.GetSelf()})[0]
		if v.group[i].Role == "leader" && (v.leader < 0 || v.group[i].Term > v.group[v.leader].Term) {
			cluster := report.ClusterOf(all)
			v.leader, v.cluster = i, &cluster
		}
	}
}

// followed reports whether a coordinator leads and all others are level with it.
func (v view) followed() bool {
	if v.leader < 0 {
		return false
	}
	for i, m := range v.group {
		if m == nil || i != v.leader && (m.Role != "follower" || m.Applied+mostBehind < v.group[v.leader].Applied) {
			return false
		}
	}
	return true
}

// standsInVain reports whether no coordinator leads, and all that are up stand for
// election.
func (v view) standsInVain() bool {
	for _, m := range v.group {
		if m != nil && m.Role != "candidate" {
			return false
		}
	}
	return v.leader < 0
}

// mostBehind is how many entries a coordinator may be behind while they are on
// their way to it.
const mostBehind = 64

// prepared gives how many attempts a shard holds prepared at a height or above;
// 0 if it cannot be asked.
func (v view) prepared(shard int, from uint64) (n int) {
	if v.shards[shard] == nil {
		return 0
	}
	for _, p := range v.shards[shard].Prepared {
		if p.Height >= from {
			n++
		}
	}
	return n
}

// allPrepared reports whether every shard holds n attempts prepared.
func (v view) allPrepared(n int, from uint64) bool {
	for i := range v.shards {
		if v.prepared(i, from) != n {
			return false
		}
	}
	return true
}

func (v view) state(shard int) string {
	if v.shards[shard] == nil {
		return "down"
	}
	return v.shards[shard].State
}

// waitsOnlyFor reports whether n blocks are in flight and each lacks the vote
// of one shard alone.
func (v view) waitsOnlyFor(shard, n int) bool {
	if v.cluster == nil || len(v.cluster.InFlight) != n {
		return false
	}
	for _, f := range v.cluster.InFlight {
		if len(f.WaitingFor) != 1 || int(f.WaitingFor[0]) != shard {
			return false
		}
	}
	return true
}

// misses reports whether the coordinator says that a shard is disconnected and
// that it waits for its vote alone.
func (v view) misses(shard int) bool {
	return v.waitsOnlyFor(shard, 1) && v.cluster.Shards[shard].State == "disconnected"
}

// level reports whether nothing is in flight and all shards have committed what
// the coordinator has decided, at a height or above.
func (v view) level(height uint64) bool {
	if v.cluster == nil || len(v.cluster.Shards) != len(v.shards) || v.cluster.Height < height || len(v.cluster.InFlight) > 0 || v.cluster.QueuedBlocks > 0 {
		return false
	}
	for i, s := range v.shards {
		if s == nil || s.CommittedHeight != v.cluster.Height || v.prepared(i, 0) > 0 || s.State != "ready" {
			return false
		}
	}
	return true
}
