package hostile

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; only a failing one comes near it.
const patience = 30 * time.Second

// liarID is the shard that lies; those below it are honest.
const liarID = protocol.ShardID(2)

var slots = protocol.EvenSlots(int(liarID) + 1)

// town is a coordinator, two honest shards, and a third that lies.
type town struct {
	t         *testing.T
	log       *journal
	directory string
	*coordinator.Coordinator
	address string
	client  wirepb.CoordinatorServiceClient
	stop    func()
	shards  []*house
	liar    *liar
	blocks  int
}

func newTown(t *testing.T) *town { return newTownIn(t, t.TempDir()) }

// newTownIn makes the data directories in a folder.
func newTownIn(t *testing.T, folder string) *town {
	c := &town{t: t, log: &journal{}, directory: filepath.Join(folder, "coordinator"), address: "127.0.0.1:0"}
	c.open()
	t.Cleanup(func() { c.stop() })
	for id := range liarID {
		c.shards = append(c.shards, newHouse(c, id, filepath.Join(folder, fmt.Sprint("shard", id))))
	}
	c.liar = newLiar(c)
	c.ready()
	return c
}

// ready waits until every shard has a session, and knows it.
func (c *town) ready() {
	c.t.Helper()
	c.await("all shards are there", func() bool {
		for _, h := range c.shards {
			if !h.Status().Welcomed {
				return false
			}
		}
		return len(c.Status().Sessions) == len(c.Status().Shards) && c.liar.welcomed()
	})
}

// open starts the coordinator.
func (c *town) open() {
	c.t.Helper()
	var err error
	c.Coordinator, err = coordinator.Open(coordinator.Options{
		Directory: c.directory, Shards: slots.Shards(), MinFreeBytes: -1, Logger: c.log.logger("coordinator"),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	l := listen(c.t, c.address)
	c.address = l.Addr().String()
	server := rpc.NewServer(rpc.ServerOptions{})
	c.Register(server)
	served, ran := make(chan error, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	member := c.Coordinator
	go func() { served <- server.Serve(l) }()
	go func() { ran <- member.Run(ctx) }()
	conn, err := rpc.Dial(c.address)
	if err != nil {
		c.t.Fatal(err)
	}
	c.client = wirepb.NewCoordinatorServiceClient(conn)
	c.stop = func() {
		cancel()
		<-ran
		if err := member.Close(); err != nil {
			c.t.Error(err)
		}
		server.Stop()
		<-served
		conn.Close()
	}
}

func (c *town) restart() {
	c.t.Helper()
	c.stop()
	c.open()
	c.ready()
}

// house is an honest shard.
type house struct {
	*executor.Shard
	address string
}

func newHouse(c *town, id protocol.ShardID, directory string) *house {
	l := listen(c.t, "127.0.0.1:0")
	h := &house{address: l.Addr().String()}
	var err error
	h.Shard, err = executor.Open(executor.Options{
		Shard: id, Directory: directory, Coordinators: []string{c.address}, Address: h.address, Machine: copier{},
		MinFreeBytes: -1, Logger: c.log.logger(fmt.Sprint("shard", id)), Runner: executor.RunnerOptions{EarlyBytes: earlyBytes},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	server := rpc.NewServer(rpc.ServerOptions{})
	h.Register(server)
	served, ran := make(chan error, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { served <- server.Serve(l) }()
	go func() { ran <- h.Run(ctx) }()
	c.t.Cleanup(func() {
		cancel()
		<-ran
		server.Stop()
		<-served
		if err := h.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return h
}

// earlyBytes is what an honest shard keeps of values that came early.
const earlyBytes = 64 << 10

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// copier is the machine: what it reads and does not write goes, after the payload,
// into all that it writes. With a payload of "name" what it reads is the outcome.
type copier struct{}

func (copier) Execute(tx *executor.Tx) string {
	value := bytes.Clone(tx.Payload())
	for i := range tx.Keys() {
		if read, ok := tx.Get(i); ok && bytes.HasPrefix(tx.Key(i), []byte("source")) {
			value = append(value, read...)
		}
	}
	if name, ok := bytes.CutPrefix(value, []byte("name")); ok {
		return string(name)
	}
	for i := range tx.Keys() {
		if !bytes.HasPrefix(tx.Key(i), []byte("source")) {
			tx.Put(i, value)
		}
	}
	return protocol.OutcomeApplied
}

// keyOn gives a key that lives on a shard.
func keyOn(name string, s protocol.ShardID) []byte {
	for i := 0; ; i++ {
		if key := fmt.Appendf(nil, "%s%d", name, i); slots.Owner(key) == s {
			return key
		}
	}
}

// copies is a transaction that both honest shards execute. With lied it reads a key
// of the liar, the last of its access list.
func copies(payload string, lied bool) protocol.Transaction {
	access := []protocol.Access{{Key: keyOn("a", 0), Mode: protocol.ReadWrite}, {Key: keyOn("b", 1), Mode: protocol.ReadWrite}}
	if lied {
		access = append(access, protocol.Access{Key: keyOn("source", liarID), Mode: protocol.Read})
	}
	return protocol.NewTransaction([]byte(payload), access)
}

// answer is what a client was told.
type answer struct {
	*wirepb.SubmitBlockResponse
	err error
}

// submit sends a block of one transaction.
func (c *town) submit(timeout time.Duration, tx protocol.Transaction) <-chan answer {
	c.blocks++
	in := &wirepb.SubmitBlockRequest{
		Key: fmt.Sprint("block ", c.blocks), TimeoutMs: uint64(timeout.Milliseconds()),
		Content: &wirepb.SubmitBlockRequest_Body{Body: protocol.EncodeBody([]protocol.Transaction{tx})},
	}
	answers, client := make(chan answer, 1), c.client
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout+patience)
		defer cancel()
		out, err := client.SubmitBlock(ctx, in)
		answers <- answer{out, err}
	}()
	return answers
}

// commits waits until a block is committed, on both honest shards.
func (c *town) commits(from <-chan answer) {
	c.t.Helper()
	select {
	case a := <-from:
		if a.err != nil || a.GetDecision() != wirepb.Decision_DECISION_COMMITTED {
			c.t.Fatalf("the block is not committed: %v, %v\n%s", a.SubmitBlockResponse, a.err, c.log)
		}
		c.await("the coordinator says so", func() bool { return uint64(c.height()) >= a.GetBlock().GetHeight() })
	case <-time.After(patience):
		c.t.Fatalf("the block is not committed in time\n%s", c.log)
	}
	c.agree()
}

// goesOn has a block committed in which the liar has no part but its vote.
func (c *town) goesOn() {
	c.t.Helper()
	c.commits(c.submit(patience, copies("goes on", false)))
}

// agree waits until both honest shards have committed what is decided: the same
// attempt, each with the digest that it voted with.
func (c *town) agree() {
	c.t.Helper()
	d := c.Status().Decided
	for id, h := range c.shards {
		want := d.CommittedOn(protocol.ShardID(id))
		c.await(fmt.Sprintf("shard %d commits %s", id, want.Attempt), func() bool { return h.Status().Committed == want })
	}
	c.sound()
}

// height is what is decided.
func (c *town) height() protocol.Height {
	if d := c.Status().Decided; d != nil {
		return d.Height()
	}
	return 0
}

// sound checks that no honest shard was led to find itself diverged.
func (c *town) sound() {
	c.t.Helper()
	for id, h := range c.shards {
		if s := h.Status(); s.Quarantined != "" || s.Stopped != "" {
			c.t.Errorf("shard %d is quarantined or has stopped: %s%s", id, s.Quarantined, s.Stopped)
		}
	}
}

// await waits until something holds.
func (c *town) await(what string, holds func() bool) {
	c.t.Helper()
	late := time.Now().Add(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(late) {
			c.t.Fatalf("waited %v in vain until %s\n%s", patience, what, c.log)
		}
		<-tick.C
	}
}
