package coordinator

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/coordinator/replica/raftsnap"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// hangingLog is a log in memory whose writes hang while there is a gate.
type hangingLog struct {
	*raft.InmemStore
	gate atomic.Pointer[chan struct{}]
}

func (h *hangingLog) StoreLogs(entries []*raft.Log) error {
	if gate := h.gate.Load(); gate != nil {
		<-*gate
	}
	return h.InmemStore.StoreLogs(entries)
}

// TestALeaderWhoseDiskHangsStops: its client is told no outcome, another one
// decides the block, and shards and clients go there.
func TestALeaderWhoseDiskHangsStops(t *testing.T) {
	t.Parallel() // it waits more than it works
	c := newCouncil(t, 3)
	logs := map[string]*hangingLog{}
	for _, f := range c.members {
		f.stop()
	}
	for _, f := range c.members {
		h := &hangingLog{InmemStore: raft.NewInmemStore()}
		logs[f.options.Name] = h
		f.options.Directory, f.options.DiskPatience = t.TempDir(), 500*time.Millisecond
		f.options.Stores = h.open
		f.start()
	}
	newPuppet(t, c.members[0])
	c.commits("a", 1)
	old := c.leader()
	gate := make(chan struct{})
	logs[old.options.Name].gate.Store(&gate)
	answers := make(chan error, 1)
	go func() {
		out, err := old.submits("b", patience)
		if _, elsewhere := wire.Leader(err); !elsewhere && (err != nil || out.Decision != wirepb.Decision_DECISION_UNKNOWN) {
			answers <- errors.Join(errors.New("told "+out.String()), err)
			return
		}
		answers <- nil
	}()
	c.commitsBy("b", 2, c.but(old)...)
	if err := receive(t, "an answer", answers); err != nil {
		t.Error(err)
	}
	if err := old.Ready(); err == nil {
		t.Error("the one whose disk hangs is ready")
	}
	if err := old.stop(); !errors.Is(err, ErrStopped) || !errors.Is(err, replica.ErrHung) {
		t.Errorf("it ends with %v", err)
	}
	c.commitsBy("c", 3, c.but(old)...)
	close(gate)
	c.commitsBy("d", 4, c.but(old)...)
}

// open gives stores in memory, of which h is the log.
func (h *hangingLog) open(o replica.Options, _ *replica.History) (replica.Stores, error) {
	return replica.Stores{Log: h, Stable: h.InmemStore, Snapshots: raft.NewInmemSnapshotStore(), Newest: func() (*raftsnap.Snapshot, error) { return nil, nil }, Close: func() error { return nil }}, nil
}
