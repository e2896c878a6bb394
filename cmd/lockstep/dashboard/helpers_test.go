package dashboard

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol/durations"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a Source and an API that say what they are told to.
type stage struct {
	mu        sync.Mutex
	view      View
	timelines []*wirepb.Timeline
	blocks    []*wirepb.Block // by height from 1
	looks     int
	failure   error // of API
}

func (s *stage) Look(context.Context) View {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	return s.view
}

func (s *stage) API() (API, error) { return s, s.failure }

func (s *stage) set(v View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view = v
}

func (s *stage) ListTimelines(_ context.Context, in *wirepb.ListTimelinesRequest) (*wirepb.ListTimelinesResponse, error) {
	out := &wirepb.ListTimelinesResponse{}
	for _, t := range s.timelines {
		if in.GetKey() == "" || in.GetKey() == t.GetKey() {
			out.Timelines = append(out.Timelines, t)
		}
	}
	return out, nil
}

func (s *stage) ListBlocks(_ context.Context, in *wirepb.ListBlocksRequest) (*wirepb.ListBlocksResponse, error) {
	out := &wirepb.ListBlocksResponse{}
	for _, b := range s.blocks {
		if b.GetHeight() >= in.GetFromHeight() && uint32(len(out.Blocks)) < in.GetLimit() {
			out.Blocks = append(out.Blocks, b)
		}
	}
	return out, nil
}

func (s *stage) GetBlock(_ context.Context, in *wirepb.GetBlockRequest) (*wirepb.GetBlockResponse, error) {
	for _, b := range s.blocks {
		if b.GetHeight() == in.GetHeight() || in.GetKey() != "" && b.GetKey() == in.GetKey() {
			return &wirepb.GetBlockResponse{Block: b}, nil
		}
	}
	return nil, status.Error(codes.NotFound, "not committed")
}

// cluster is one of three shards at height 812 that does nothing.
func cluster() *wirepb.ClusterStatus {
	c := &wirepb.ClusterStatus{Cluster: make([]byte, 16), Epoch: 3, Height: 812, Root: make([]byte, 32), Activity: &wirepb.Activity{SinceUnixMs: 1}}
	for id := range uint32(3) {
		c.Shards = append(c.Shards, &wirepb.ShardStatus{Id: id, State: wirepb.ShardState_SHARD_STATE_READY, CommittedHeight: 812, Address: "10.0.0.1:7410",
			Report: &wirepb.ShardReport{Status: &wirepb.ShardStatus{Id: id, CommittedHeight: 812}}})
	}
	return c
}

// away takes a shard out of a cluster, while blocks wait for it.
func away(c *wirepb.ClusterStatus, id uint32, blocks int) *wirepb.ClusterStatus {
	s := c.Shards[id]
	s.State, s.AwayMs = wirepb.ShardState_SHARD_STATE_DISCONNECTED, 14000
	s.Report = &wirepb.ShardReport{Failure: "it does not answer"}
	for i := range blocks {
		c.InFlight = append(c.InFlight, &wirepb.InFlight{Height: c.Height + uint64(i) + 1, Epoch: 3, Attempt: 1, Phase: "voting", WaitingFor: []uint32{id}, AgeMs: 14000, Key: "b"})
	}
	return c
}

// serve serves a dashboard that has looked once and looks again when told to.
func serve(t *testing.T, s *stage) (*Dashboard, string) {
	t.Helper()
	d := New(s, "v1", hclog.NewNullLogger())
	d.look(t.Context())
	server := httptest.NewUnstartedServer(d)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	server.Start()
	t.Cleanup(func() {
		d.hub.close()
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return d, server.URL
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// observed gives durations of which each is as long as told.
func observed(all ...time.Duration) *wirepb.Durations {
	var c durations.Counter
	for _, d := range all {
		c.Observe(d)
	}
	return c.Message()
}
