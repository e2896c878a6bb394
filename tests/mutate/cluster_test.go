package mutate

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// patience bounds everything that a test waits for.
const patience = 60 * time.Second

// daemon is a coordinator or a shard.
type daemon interface {
	Register(grpc.ServiceRegistrar)
	Run(context.Context) error
	Close() error
}

// running is a daemon that runs in this process.
type running struct {
	address string
	stop    func() error
}

// run serves a daemon until it is stopped.
func run(d daemon, l net.Listener) *running {
	ctx, cancel := context.WithCancel(context.Background())
	server := rpc.NewServer(rpc.ServerOptions{})
	d.Register(server.Server)
	served, ran := make(chan error, 1), make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	go func() { ran <- d.Run(ctx) }()
	return &running{address: l.Addr().String(), stop: func() error {
		cancel()
		err := <-ran
		if e := d.Close(); err == nil {
			err = e
		}
		stopping, stopped := context.WithTimeout(context.Background(), 2*time.Second)
		defer stopped()
		server.Shutdown(stopping)
		<-served
		return err
	}}
}

// mini is a coordinator with its shards, in this process.
type mini struct {
	t       *testing.T
	dir     string
	uplinks []*cluster.Proxy // of each shard, to the coordinator
	clients *cluster.Proxy

	coordinator *coordinator.Coordinator
	shards      []*executor.Shard
	processes   map[string]*running
	minFree     int64
	blocks      int
}

func newMini(t *testing.T, dir string, shards int) *mini {
	t.Helper()
	m := &mini{t: t, dir: dir, shards: make([]*executor.Shard, shards), processes: map[string]*running{}, minFree: -1}
	m.clients = m.proxy()
	for range shards {
		m.uplinks = append(m.uplinks, m.proxy())
	}
	t.Cleanup(m.stopAll)
	return m
}

func (m *mini) proxy() *cluster.Proxy {
	p, err := cluster.NewProxy()
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(p.Close)
	return p
}

func (m *mini) path(name string) string { return filepath.Join(m.dir, name) }

func shardName(i int) string { return fmt.Sprintf("shard%d", i) }

const coordinatorName = "coordinator"

func (m *mini) listen() net.Listener {
	m.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		m.t.Fatal(err)
	}
	return l
}

func (m *mini) startCoordinator() {
	m.t.Helper()
	c, err := coordinator.Open(coordinatorOptions(m.path(coordinatorName), len(m.shards)))
	if err != nil {
		m.t.Fatal(err)
	}
	m.coordinator = c
	m.processes[coordinatorName] = run(c, m.listen())
	for _, p := range append(m.uplinks, m.clients) {
		p.Aim(m.processes[coordinatorName].address)
	}
}

func coordinatorOptions(dir string, shards int) coordinator.Options {
	return coordinator.Options{Directory: dir, Shards: shards, Limits: protocol.DefaultLimits(), Logger: hclog.NewNullLogger(),
		Protocol: protocol.CoordinatorOptions{Window: protocol.DefaultWindow, QueueBlocks: 64, QueueBytes: 64 << 20}, MinFreeBytes: -1}
}

func (m *mini) startShard(i int) {
	m.t.Helper()
	l := m.listen()
	o := shardOptions(m.path(shardName(i)), i)
	o.Coordinators, o.Address, o.MinFreeBytes = []string{m.uplinks[i].Address()}, l.Addr().String(), m.minFree
	s, err := executor.Open(o)
	if err != nil {
		m.t.Fatal(err)
	}
	m.shards[i] = s
	m.processes[shardName(i)] = run(s, l)
}

func shardOptions(dir string, i int) executor.Options {
	return executor.Options{Shard: protocol.ShardID(i), Directory: dir, Coordinators: []string{"127.0.0.1:1"}, Address: "127.0.0.1:1",
		Machine: ledger.Machine{}, Logger: hclog.NewNullLogger(), MinFreeBytes: -1}
}

func (m *mini) startAll() {
	m.t.Helper()
	m.startCoordinator()
	for i := range m.shards {
		m.startShard(i)
	}
}

func (m *mini) stop(name string) {
	m.t.Helper()
	if p := m.processes[name]; p != nil {
		delete(m.processes, name)
		if err := p.stop(); err != nil {
			m.t.Errorf("stop %s: %v", name, err)
		}
	}
}

func (m *mini) stopAll() {
	for i := range m.shards {
		m.stop(shardName(i))
	}
	m.stop(coordinatorName)
}

// submit gives a block to the coordinator; what became of it comes later.
func (m *mini) submit(body []byte) <-chan client.Answer {
	m.blocks++
	key := fmt.Sprintf("block-%d", m.blocks)
	answers := make(chan client.Answer, 1)
	go func() {
		c, err := client.NewCoordinator(m.clients.Address())
		if err != nil {
			answers <- client.Answer{Reason: err.Error()}
			return
		}
		defer c.Close()
		a, err := c.Submit(context.Background(), client.Submission{Key: key, Body: body, Timeout: patience})
		if err != nil {
			a.Reason = err.Error()
		}
		answers <- a
	}()
	return answers
}

// commit submits blocks one after the other and wants each committed.
func (m *mini) commit(bodies ...[]byte) {
	m.t.Helper()
	for _, body := range bodies {
		if a := <-m.submit(body); a.Decision != client.Committed {
			m.t.Fatalf("block %d is %q: %s", m.blocks, a.Decision, a.Reason)
		}
	}
}

// await waits for a condition.
func (m *mini) await(what string, holds func() bool) {
	m.t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			m.t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// transactions makes the body of a block.
func transactions(t *testing.T, ops ...[]ledger.Op) []byte {
	t.Helper()
	var all []protocol.Transaction
	for _, o := range ops {
		tx, err := ledger.NewTransaction(o...)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tx)
	}
	return protocol.EncodeBody(all)
}

func long() bool { return os.Getenv("LOCKSTEP_LONG") == "1" }
