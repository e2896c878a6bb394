package raftnet_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftnet"
)

// chain is a state machine whose state is a checksum over all commands in order.
type chain struct {
	mu      sync.Mutex
	applied uint64
	sum     uint32
	ballast int // bytes that a snapshot has beside the state
}

func (c *chain) Apply(l *raft.Log) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied++
	c.sum = crc32.Update(c.sum, crc32.IEEETable, l.Data)
	return c.applied
}

func (c *chain) state() (applied uint64, sum uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.applied, c.sum
}

func (c *chain) Snapshot() (raft.FSMSnapshot, error) {
	applied, sum := c.state()
	b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, applied), sum)
	return frozen(append(b, make([]byte, c.ballast)...)), nil
}

func (c *chain) Restore(r io.ReadCloser) error {
	b, err := io.ReadAll(r)
	if err != nil || len(b) != 12+c.ballast {
		return fmt.Errorf("a snapshot of %d bytes: %v", len(b), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied, c.sum = binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:])
	return nil
}

type frozen []byte

func (f frozen) Persist(sink raft.SnapshotSink) error {
	if _, err := sink.Write(f); err != nil {
		return err
	}
	return sink.Close()
}

func (frozen) Release() {}

// node is a raft node on a transport.
type node struct {
	*raft.Raft
	id        raft.ServerID
	transport raft.Transport
	chain     *chain
	stop      func()
}

func raftConfig(id raft.ServerID) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = id
	c.Logger = hclog.NewNullLogger()
	return c
}

func startNode(t testing.TB, id raft.ServerID, transport raft.Transport, change func(*raft.Config)) *node {
	t.Helper()
	config := raftConfig(id)
	change(config)
	store := raft.NewInmemStore()
	n := &node{id: id, transport: transport, chain: &chain{ballast: 5 << 20}}
	var err error
	n.Raft, err = raft.NewRaft(config, n.chain, store, store, raft.NewInmemSnapshotStore(), transport)
	if err != nil {
		t.Fatal(err)
	}
	n.stop = sync.OnceFunc(func() {
		if err := n.Shutdown().Error(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

type cluster []*node

// startCluster starts nodes on hosts, as one cluster.
func startCluster(t testing.TB, members int, change func(*raft.Config), options ...change) (cluster, []*host) {
	t.Helper()
	var c cluster
	var hosts []*host
	for i := range members {
		h := startHost(t, raft.ServerID(fmt.Sprintf("c%d", i+1)), options...)
		hosts = append(hosts, h)
		c = append(c, startNode(t, h.id, h, change))
	}
	c.bootstrap(t)
	if _, err := hosts[0].Inject(t.Context(), &raft.TimeoutNowRequest{RPCHeader: header(hosts[0].id, hosts[0].address)}); err != nil {
		t.Fatal(err)
	}
	return c, hosts
}

func (c cluster) bootstrap(t testing.TB) {
	t.Helper()
	var configuration raft.Configuration
	for _, n := range c {
		configuration.Servers = append(configuration.Servers, raft.Server{ID: n.id, Address: n.transport.LocalAddr()})
	}
	for _, n := range c {
		if err := n.BootstrapCluster(configuration).Error(); err != nil {
			t.Fatal(err)
		}
	}
}

func (c cluster) leader(t testing.TB) (leader *node) {
	t.Helper()
	eventually(t, "there is a leader", func() bool {
		for _, n := range c {
			if n.State() == raft.Leader && n.Barrier(time.Second).Error() == nil {
				leader = n
				return true
			}
		}
		return false
	})
	return leader
}

// agree waits until all nodes have the same state.
func (c cluster) agree(t testing.TB) {
	t.Helper()
	eventually(t, "all have the same state", func() bool {
		applied, sum := c[0].chain.state()
		for _, n := range c[1:] {
			if a, s := n.chain.state(); a != applied || s != sum {
				return false
			}
		}
		return true
	})
}

func asIs(*raft.Config) {}

// patient keeps a leader although the machine is busy with other tests.
func patient(c *raft.Config) {
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = 5*time.Second, 5*time.Second, 5*time.Second
}

// command gives 3 MB now and then.
func command(i int) []byte {
	size := 200
	if i%100 == 50 {
		size = 3_000_000
	}
	return bytes.Repeat([]byte{byte(i), byte(i >> 8)}, size/2)
}

func TestClusterAppliesUnderLoad(t *testing.T) {
	c, hosts := startCluster(t, 3, patient)
	leader := c.leader(t)
	var waiting []raft.ApplyFuture
	for i := range 1000 {
		waiting = append(waiting, leader.Apply(command(i), 0))
	}
	for _, f := range waiting {
		if err := f.Error(); err != nil {
			t.Fatal(err)
		}
	}
	c.agree(t)
	if applied, _ := leader.chain.state(); applied != 1000 {
		t.Fatalf("%d commands were applied, want 1000", applied)
	}
	for i, h := range hosts {
		if c[i] != leader {
			continue
		}
		eventually(t, "everybody has acknowledged everything", func() bool {
			peers := h.Peers()
			return len(peers) == 2 && peers[0].Acknowledged == leader.LastIndex() && peers[1].Acknowledged == leader.LastIndex()
		})
	}
	last := leader.LastIndex()
	for _, h := range hosts {
		for _, p := range h.Peers() {
			if leads := h.address == leader.transport.LocalAddr(); leads != (p.Acknowledged > 0) || p.Acknowledged > last {
				t.Errorf("%s has acknowledged %d of %d entries to %s", p.ID, p.Acknowledged, last, h.id)
			}
			if p.LastContact.IsZero() || p.Refusals != 0 {
				t.Errorf("%s sees %+v", h.id, p)
			}
			if h.address == leader.transport.LocalAddr() && p.BytesSent < 30_000_000 {
				t.Errorf("the leader sent %d bytes to %s, want all the commands", p.BytesSent, p.ID)
			}
		}
	}
}

func TestClusterOutlivesItsLeader(t *testing.T) {
	c, hosts := startCluster(t, 3, asIs)
	leader := c.leader(t)
	if err := leader.Apply([]byte("one"), 0).Error(); err != nil {
		t.Fatal(err)
	}
	var rest cluster
	for i, n := range c {
		if n != leader {
			rest = append(rest, n)
			continue
		}
		n.stop()
		hosts[i].stop()
	}
	next := rest.leader(t)
	if err := next.Apply([]byte("two"), 0).Error(); err != nil {
		t.Fatal(err)
	}
	rest.agree(t)
	if applied, _ := next.chain.state(); applied != 2 {
		t.Fatalf("%d commands were applied, want 2", applied)
	}
}

func TestLeadershipIsTransferred(t *testing.T) {
	c, _ := startCluster(t, 3, patient)
	leader := c.leader(t)
	to := c[0]
	if to == leader {
		to = c[1]
	}
	if err := leader.LeadershipTransferToServer(to.id, to.transport.LocalAddr()).Error(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other one leads", func() bool { return to.State() == raft.Leader })
}

func TestSnapshotIsInstalledOnAnEmptyMember(t *testing.T) {
	c, _ := startCluster(t, 1, func(c *raft.Config) { c.TrailingLogs = 1 })
	leader := c.leader(t)
	for i := range 50 {
		if err := leader.Apply(command(i), 0).Error(); err != nil {
			t.Fatal(err)
		}
	}
	if err := leader.Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	h := startHost(t, "c2")
	c = append(c, startNode(t, "c2", h, asIs))
	if err := leader.AddVoter("c2", h.address, 0, 10*time.Second).Error(); err != nil {
		t.Fatal(err)
	}
	c.agree(t)
	if applied, _ := c[1].chain.state(); applied != 50 {
		t.Fatalf("%d commands are in the snapshot, want 50", applied)
	}
	eventually(t, "the member has taken the snapshot, not the entries", func() bool {
		return c[1].Stats()["last_snapshot_index"] != "0"
	})
}

// A member that is removed shall learn of it, which takes one more append after
// raft has decided to close the pipeline. Raft tries that once, so this cluster is
// patient.
func TestRemovedMemberLearnsOfIt(t *testing.T) {
	stays := func(c *raft.Config) { patient(c); c.ShutdownOnRemove = false }
	c, _ := startCluster(t, 3, stays, func(o *raftnet.Options) { o.Timeout = 10 * time.Second })
	leader := c.leader(t)
	gone := c[0]
	if gone == leader {
		gone = c[1]
	}
	// While raft brings a member up to date it does not tell it.
	eventually(t, "the member is up to date", func() bool { return gone.AppliedIndex() >= leader.CommitIndex() })
	if err := leader.RemoveServer(gone.id, 0, 0).Error(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the member knows that it is none", func() bool {
		f := gone.GetConfiguration()
		if f.Error() != nil {
			return false
		}
		for _, s := range f.Configuration().Servers {
			if s.ID == gone.id {
				return false
			}
		}
		return true
	})
}

// However long its timeouts are, a cluster of one leads at once.
func TestStartOfAClusterOfOne(t *testing.T) {
	c, _ := startCluster(t, 1, patient)
	if began := time.Now(); c.leader(t) == c[0] && time.Since(began) > 2*time.Second {
		t.Fatalf("it took %v", time.Since(began))
	}
}
