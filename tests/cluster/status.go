package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// ClusterStatus is what the coordinator says of the cluster; see contract.
type ClusterStatus struct {
	Cluster     string        `json:"cluster"`
	Epoch       uint64        `json:"epoch"`
	Height      uint64        `json:"height"`
	Root        string        `json:"root"`
	InFlight    []InFlight    `json:"in_flight"`
	Shards      []ShardStatus `json:"shards"`
	Quarantined string        `json:"quarantined"`
	// QueuedBlocks are taken up, and wait for their turn or for all shards.
	QueuedBlocks int `json:"queued_blocks"`
	QueuedBytes  int `json:"queued_bytes"`
	// Coordinators are there if there are several.
	Coordinators []CoordinatorStatus `json:"coordinators"`
}

// CoordinatorStatus is one of several coordinators.
type CoordinatorStatus struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Role    string `json:"role"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
	Behind  uint64 `json:"behind"` // entries
}

// InFlight is a block that is not decided.
type InFlight struct {
	Height     uint64 `json:"height"`
	Attempt    uint32 `json:"attempt"`
	Phase      string `json:"phase"`
	WaitingFor []int  `json:"waiting_for"`
}

// ShardStatus is what a shard says of itself, or the coordinator of it.
type ShardStatus struct {
	ID              int    `json:"id"`
	State           string `json:"state"`
	Reason          string `json:"reason"`
	CommittedHeight uint64 `json:"committed_height"`
	StateDigest     string `json:"state_digest"`
	Prepared        []struct {
		Height  uint64 `json:"height"`
		Epoch   uint64 `json:"epoch"`
		Attempt uint32 `json:"attempt"`
	} `json:"prepared"`
}

// Waiting tells whether a height waits for exactly these shards.
func (s ClusterStatus) Waiting(height uint64, shards ...int) bool {
	for _, f := range s.InFlight {
		if f.Height == height {
			return slices.Equal(f.WaitingFor, shards)
		}
	}
	return false
}

// HasPrepared tells whether the shard holds a height prepared.
func (s ShardStatus) HasPrepared(height uint64) bool {
	for _, p := range s.Prepared {
		if p.Height == height {
			return true
		}
	}
	return false
}

const (
	fetchTimeout = 5 * time.Second
	// glanceTimeout is for a look at somebody who may be stopped.
	glanceTimeout = time.Second
)

// client keeps its connections while the daemon lives: a daemon refuses those who make
// new ones all the time.
func (p *Process) client() *http.Client {
	p.web.Do(func() {
		transport := p.identities.Transport()
		transport.DisableKeepAlives = false
		p.kept.Transport = transport
	})
	return &p.kept
}

// Fetch gets a path of the daemon's HTTP address.
func (p *Process) Fetch(path string) (code int, body string, err error) {
	return p.fetchWithin(fetchTimeout, path)
}

func (p *Process) fetchWithin(timeout time.Duration, path string) (code int, body string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.identities.URL(p.HTTP, path), nil)
	if err != nil {
		return 0, "", err
	}
	response, err := p.client().Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	return response.StatusCode, string(raw), err
}

func (p *Process) fetchJSON(path string, into any) error {
	code, body, err := p.Fetch(path)
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return fmt.Errorf("%s answers %d: %s", path, code, body)
	}
	return json.Unmarshal([]byte(body), into)
}
