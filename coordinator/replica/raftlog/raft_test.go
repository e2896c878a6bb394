package raftlog

import (
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// list is a state machine that remembers what it was told.
type list struct {
	mu   sync.Mutex
	told []string
}

func (l *list) Apply(e *raft.Log) any {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, string(e.Data))
	return len(l.told)
}

func (l *list) Snapshot() (raft.FSMSnapshot, error) { return nil, raft.ErrNothingNewToSnapshot }
func (l *list) Restore(io.ReadCloser) error         { return io.ErrUnexpectedEOF }

// TestRaftOfOne runs raft itself on these stores, and starts it again.
func TestRaftOfOne(t *testing.T) {
	dir := scratch(t)
	must(t, CreateStable(dir))
	told := 0
	for start := range 3 {
		func() {
			log, stable := mustOpen(t, filepath.Join(dir, "log"), small()), mustStable(t, dir)
			defer stable.Close()
			defer log.Close()
			must(t, Bind(log, stable))
			_, err := log.Align(0, 0)
			must(t, err)
			addr, trans := raft.NewInmemTransport("c1")
			conf := raft.DefaultConfig()
			conf.LocalID = "c1"
			conf.HeartbeatTimeout, conf.ElectionTimeout, conf.LeaderLeaseTimeout = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
			conf.Logger = hclog.NewNullLogger()
			snaps := raft.NewDiscardSnapshotStore()
			if start == 0 {
				must(t, raft.BootstrapCluster(conf, log, stable, snaps, trans,
					raft.Configuration{Servers: []raft.Server{{ID: "c1", Address: addr}}}))
			}
			fsm := &list{}
			node, err := raft.NewRaft(conf, fsm, log, stable, snaps, trans)
			must(t, err)
			defer func() { must(t, node.Shutdown().Error()) }()
			if !<-node.LeaderCh() {
				t.Fatal("no leader")
			}
			must(t, node.Barrier(10*time.Second).Error())
			for i := range told {
				if want := fmt.Sprint("entry ", i); fsm.told[i] != want {
					t.Fatalf("told %q, want %q", fsm.told[i], want)
				}
			}
			for range 40 {
				f := node.Apply(fmt.Append(nil, "entry ", told), 10*time.Second)
				if must(t, f.Error()); f.Response() != told+1 {
					t.Fatalf("%v were applied, want %d", f.Response(), told+1)
				}
				told++
			}
		}()
	}
}
