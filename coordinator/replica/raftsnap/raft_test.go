package raftsnap

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftlog"
)

// register is a state machine: its head is the last command, its appendix all
// commands, and it may get more of those than its head says.
type register struct {
	mu       sync.Mutex
	head     string
	all      bytes.Buffer
	restored int
	changed  *sync.Cond
}

func newRegister() *register {
	r := &register{}
	r.changed = sync.NewCond(&r.mu)
	return r
}

func (r *register) Apply(e *raft.Log) any {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.head = string(e.Data)
	r.all.Write(e.Data)
	r.changed.Broadcast()
	return nil
}

func (r *register) Snapshot() (raft.FSMSnapshot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return captured(r.head), nil
}

type captured string

func (c captured) Persist(sink raft.SnapshotSink) error { return WriteHead(sink, []byte(c)) }
func (c captured) Release()                             {}

func (r *register) Restore(from io.ReadCloser) error {
	head, err := ReadHead(from)
	if err != nil {
		return err
	}
	all, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.head = string(head)
	r.all.Reset()
	r.all.Write(all)
	r.restored++
	r.changed.Broadcast()
	return nil
}

func (r *register) appendix() (int64, io.ReadCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := bytes.Clone(r.all.Bytes())
	return int64(len(all)), io.NopCloser(bytes.NewReader(all)), nil
}

// wait waits until the register is as wanted.
func (r *register) wait(wanted func() bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !wanted() {
		r.changed.Wait()
	}
}

// node is a raft node with the stores of production.
type node struct {
	t         *testing.T
	dir       string
	fsm       *register
	log       *raftlog.Log
	stable    *raftlog.Stable
	snapshots *Store
	transport *raft.InmemTransport
	raft      *raft.Raft
}

func openNode(t *testing.T, dir string, address raft.ServerAddress) *node {
	n := &node{t: t, dir: dir, fsm: newRegister()}
	var err error
	if n.log, err = raftlog.Open(filepath.Join(dir, "log"), raftlog.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := raftlog.CreateStable(dir); err == nil {
		t.Logf("%s is new", address)
	}
	n.stable, err = raftlog.OpenStable(dir)
	must(t, err)
	must(t, raftlog.Bind(n.log, n.stable))
	n.snapshots = mustOpen(t, filepath.Join(dir, "snapshots"), Options{Appendix: n.fsm.appendix})
	_, n.transport = raft.NewInmemTransport(address)
	return n
}

// config never makes a snapshot by itself, and lets no node but c1 stand.
func (n *node) config() *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(n.transport.LocalAddr())
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = 60*time.Millisecond, 60*time.Millisecond, 60*time.Millisecond
	if c.LocalID != "c1" {
		c.HeartbeatTimeout, c.ElectionTimeout = time.Hour, time.Hour
	}
	c.TrailingLogs, c.SnapshotThreshold = 0, 1<<60
	c.NoSnapshotRestoreOnStart = true
	c.Logger = hclog.NewNullLogger()
	return c
}

func (n *node) start() {
	index, term := uint64(0), uint64(0)
	newest, err := n.snapshots.Newest()
	if must(n.t, err); newest != nil {
		index, term = newest.Meta.Index, newest.Meta.Term
		n.fsm.head = string(newest.Head)
	}
	_, err = n.log.Align(index, term)
	must(n.t, err)
	n.raft, err = raft.NewRaft(n.config(), n.fsm, n.log, n.stable, n.snapshots, n.transport)
	must(n.t, err)
}

func (n *node) stop() {
	must(n.t, n.raft.Shutdown().Error())
	must(n.t, n.log.Close())
	must(n.t, n.stable.Close())
}

// lead makes a group of one and waits until it leads.
func (n *node) lead() {
	must(n.t, raft.BootstrapCluster(n.config(), n.log, n.stable, n.snapshots, n.transport,
		raft.Configuration{Servers: []raft.Server{{ID: "c1", Address: "c1"}}}))
	n.start()
	if !<-n.raft.LeaderCh() {
		n.t.Fatal("no leader")
	}
}

func (n *node) apply(first, last int) {
	for i := first; i <= last; i++ {
		must(n.t, n.raft.Apply(fmt.Appendf(nil, "<%d>", i), 10*time.Second).Error())
	}
}

func connect(a, b *node) {
	a.transport.Connect(b.transport.LocalAddr(), b.transport)
	b.transport.Connect(a.transport.LocalAddr(), a.transport)
}

func commands(first, last int) (s string) {
	for i := first; i <= last; i++ {
		s += fmt.Sprintf("<%d>", i)
	}
	return s
}

// TestMemberGetsASnapshot: a new member of a real group gets head and appendix
// from the leader, goes on with entries, and starts again from what it stored.
func TestMemberGetsASnapshot(t *testing.T) {
	leader := openNode(t, scratch(t), "c1")
	leader.lead()
	defer leader.stop()
	leader.apply(1, 20)
	must(t, leader.raft.Snapshot().Error())
	leader.apply(21, 25) // behind the head, and in the appendix

	dir := scratch(t)
	member := openNode(t, dir, "c2")
	connect(leader, member)
	member.start()
	must(t, leader.raft.AddNonvoter("c2", "c2", 0, 10*time.Second).Error())
	member.fsm.wait(func() bool { return member.fsm.head == "<25>" })
	member.fsm.wait(func() bool { return member.fsm.restored == 1 })
	newest, err := member.snapshots.Newest()
	must(t, err)
	if string(newest.Head) != "<20>" || newest.AppendixBytes != int64(len(commands(1, 25))) {
		t.Fatalf("the member has head %q and %d bytes", newest.Head, newest.AppendixBytes)
	}
	if _, _, appendix, err := load(t, member.snapshots, newest.Meta.ID); err != nil || appendix != commands(1, 25) {
		t.Fatalf("the member has %q, %v", appendix, err)
	}
	member.stop()
	leader.apply(26, 27)

	member = openNode(t, dir, "c2")
	connect(leader, member)
	member.start()
	defer member.stop()
	member.fsm.wait(func() bool { return member.fsm.head == "<27>" })
}

// TestAlignedAfterASnapshot: a member whose log goes on beyond the snapshot, with
// entries that no majority has, takes the snapshot and is well after a restart.
func TestAlignedAfterASnapshot(t *testing.T) {
	leader := openNode(t, scratch(t), "c1")
	leader.lead()
	defer leader.stop()
	leader.apply(1, 20)
	must(t, leader.raft.Snapshot().Error())
	leader.apply(21, 22)

	dir := scratch(t)
	member := openNode(t, dir, "c2")
	var stale []*raft.Log
	for i := uint64(1); i <= 100; i++ {
		stale = append(stale, &raft.Log{Index: i, Term: 1, Type: raft.LogNoop})
	}
	must(t, member.log.StoreLogs(stale))
	connect(leader, member)
	member.start()
	must(t, leader.raft.AddNonvoter("c2", "c2", 0, 10*time.Second).Error())
	member.fsm.wait(func() bool { return member.fsm.restored > 0 })
	member.stop()

	member = openNode(t, dir, "c2")
	connect(leader, member)
	member.start()
	defer member.stop()
	leader.apply(23, 23)
	member.fsm.wait(func() bool { return member.fsm.head == "<23>" })
}
