package executor

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/state"
)

func quietLogger() hclog.Logger { return hclog.NewNullLogger() }

// boss is a coordinator without a disk: the real state machine and the real
// sessions. It can be told to keep its decisions to itself.
type boss struct {
	t        *testing.T
	config   protocol.Config
	sessions *rpc.SessionServer
	server   *rpc.Server
	gate     *gate
	served   chan error
	events   chan protocol.Event
	stop     chan struct{}
	group    sync.WaitGroup
	answers  chan protocol.Answer

	mu      sync.Mutex
	machine *protocol.Coordinator
	mute    bool // sends no Commit
	tamper  func(protocol.Envelope) protocol.Envelope
	blocks  int
}

func newBoss(t *testing.T, shards int) *boss {
	b := &boss{t: t, config: testConfig(shards), served: make(chan error, 1), events: make(chan protocol.Event), stop: make(chan struct{}), answers: make(chan protocol.Answer, 64)}
	machine, _, err := protocol.NewCoordinator(protocol.CoordinatorState{Config: b.config}, 1, nil, protocol.CoordinatorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.machine = machine
	b.sessions = rpc.NewSessionServer(rpc.SessionServerOptions{Handler: b})
	b.server = rpc.NewServer(rpc.ServerOptions{})
	wirepb.RegisterSessionServiceServer(b.server, b.sessions)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.gate = newGate(t, l.Addr().String())
	go func() { b.served <- b.server.Serve(l) }()
	b.group.Go(b.loop)
	t.Cleanup(b.close)
	return b
}

func (b *boss) Opened(protocol.Session)            {}
func (b *boss) Received(env protocol.Envelope)     { b.post(protocol.Received{Envelope: env}) }
func (b *boss) Closed(s protocol.Session, _ error) { b.post(protocol.Closed{Session: s}) }

func (b *boss) post(ev protocol.Event) {
	select {
	case b.events <- ev:
	case <-b.stop:
	}
}

func (b *boss) loop() {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case now := <-tick.C:
			b.step(protocol.Tick{Now: now})
		case ev := <-b.events:
			b.step(ev)
		}
	}
}

func (b *boss) step(ev protocol.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, err := b.machine.Step(ev)
	if err != nil {
		b.t.Errorf("the coordinator found %v", err)
	}
	for _, env := range e.Send {
		if _, commit := env.Message.(protocol.Commit); commit && b.mute {
			continue
		}
		if b.tamper != nil {
			env = b.tamper(env)
		}
		b.sessions.Send(env)
	}
	for _, a := range e.Answer {
		b.answers <- a
	}
	for _, c := range e.Close {
		b.sessions.Close(c.Session, c.Reason)
	}
}

func (b *boss) setMute(mute bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mute = mute
}

func (b *boss) setTamper(tamper func(protocol.Envelope) protocol.Envelope) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tamper = tamper
}

func (b *boss) status() protocol.CoordinatorStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.machine.Status()
}

func (b *boss) close() {
	close(b.stop)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.sessions.Shutdown(ctx, "end of test"); err != nil {
		b.t.Error(err)
	}
	b.server.Stop()
	if err := <-b.served; err != nil {
		b.t.Error(err)
	}
	b.group.Wait()
}

// submit has a block run; the answer comes to answers.
func (b *boss) submit(block []protocol.Transaction) {
	b.blocks++
	key := string(rune('A' + b.blocks))
	body := protocol.EncodeBody(block)
	parts := make([]protocol.Part, b.config.Shards())
	indexes := make([][]uint32, len(parts))
	subs := subBlocks(block, b.config.Slots)
	for s, sub := range subs {
		indexes[s] = sub.Indexes()
	}
	excerpts := protocol.Excerpts(body, block, indexes)
	for s, sub := range subs {
		parts[s] = protocol.Part{Indexes: indexes[s], Excerpt: excerpts[s]}
		for _, t := range sub {
			executes := false
			for _, e := range t.Executors(b.config.Slots, nil) {
				executes = executes || e == protocol.ShardID(s)
			}
			parts[s].Executes = append(parts[s].Executes, executes)
		}
	}
	b.post(protocol.Submitted{Waiter: protocol.Waiter(b.blocks), Block: &protocol.Block{
		Key: key, ID: protocol.BlockID(key, body), Body: body, Transactions: len(block), Parts: parts,
	}})
}

// commits submits a block and waits until it is decided.
func (b *boss) commits(block []protocol.Transaction) *protocol.Decision {
	b.t.Helper()
	b.submit(block)
	a := receive(b.t, "an answer", b.answers)
	if a.Verdict != protocol.VerdictCommitted {
		b.t.Fatalf("verdict %d: %s", a.Verdict, a.Reason)
	}
	return a.Decision
}

// house is a shard that serves and runs, and can be stopped and started.
type house struct {
	*Shard
	t       *testing.T
	options Options
	server  *rpc.Server
	conn    wirepb.ShardServiceClient
	cancel  func()
	ran     chan error
	served  chan error
	up      bool
	done    func()
}

func newHouse(t *testing.T, b *boss, id protocol.ShardID) *house {
	h := &house{t: t, options: Options{
		Shard: id, Directory: t.TempDir(), Coordinators: []string{b.gate.address()}, Machine: mixer, Logger: quietLogger(),
		MinFreeBytes: -1, Checkpoint: state.Policy{MaxAge: time.Hour, IdleAfter: time.Hour}, // none by itself
	}}
	h.start()
	t.Cleanup(func() {
		if h.up {
			h.stop()
		}
	})
	return h
}

func (h *house) start() {
	h.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.options.Address = l.Addr().String()
	if h.Shard, err = Open(h.options); err != nil {
		h.t.Fatal(err)
	}
	h.server = rpc.NewServer(rpc.ServerOptions{})
	h.Register(h.server)
	h.ran, h.served, h.up = make(chan error, 1), make(chan error, 1), true
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	go func() { h.served <- h.server.Serve(l) }()
	go func() { h.ran <- h.Run(ctx) }()
	conn, err := rpc.Dial(h.options.Address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.conn, h.done = wirepb.NewShardServiceClient(conn), func() { conn.Close() }
}

// stop ends the shard, and gives what Run said.
func (h *house) stop() error {
	h.t.Helper()
	h.up = false
	h.done()
	h.cancel()
	err := receive(h.t, "the end of Run", h.ran)
	h.server.Stop()
	<-h.served
	if err := h.Close(); err != nil && h.storage.log.Err() == nil {
		h.t.Errorf("close: %v", err)
	}
	return err
}

func (h *house) get(at uint64, keys ...string) (*wirepb.ShardServiceGetResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	in := &wirepb.ShardServiceGetRequest{AtHeight: &at}
	for _, key := range keys {
		in.Keys = append(in.Keys, []byte(key))
	}
	return h.conn.Get(ctx, in)
}

func (h *house) awaits(height protocol.Height) {
	h.t.Helper()
	eventually(h.t, "the height is committed", func() bool { return h.Status().Committed.Height() == height })
}
