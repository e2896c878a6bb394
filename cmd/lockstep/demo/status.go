package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// statusTimeout bounds one look at a daemon.
const statusTimeout = 5 * time.Second

// statusClient asks daemons for their status, over HTTP as an operator would.
type statusClient struct{ http.Client }

func newStatusClient() *statusClient {
	return &statusClient{http.Client{
		Timeout:   statusTimeout,
		Transport: &http.Transport{DisableKeepAlives: true}, // daemons come and go
	}}
}

func (c *statusClient) get(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/status", nil)
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
	cluster *report.Cluster // nil while there is no coordinator
	shards  []*report.Shard // nil for one that cannot be asked
}

// look asks every daemon.
func (c *cluster) look(ctx context.Context) view {
	v := view{shards: make([]*report.Shard, len(c.shards))}
	if p := c.coordinator; p.Process != nil && p.Alive() {
		var all report.Cluster
		if c.status.get(ctx, p.http, &all) == nil {
			v.cluster = &all
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
	if v.cluster == nil || v.cluster.Height < height || len(v.cluster.InFlight) > 0 || v.cluster.QueuedBlocks > 0 {
		return false
	}
	for i, s := range v.shards {
		if s == nil || s.CommittedHeight != v.cluster.Height || v.prepared(i, 0) > 0 || s.State != "ready" {
			return false
		}
	}
	return true
}
