package coordinator

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// office is a coordinator that serves and runs, and can be stopped and started.
type office struct {
	*Coordinator
	t       *testing.T
	options Options
	address string
	listens net.Listener // at the first start; nil for one at address
	others  []string     // addresses of the other members
	client  wirepb.CoordinatorServiceClient
	server  *rpc.Server
	cancel  func()
	hangUp  func()
	ran     chan error
	served  chan error
	up      bool
	opened  func(*Coordinator) // before it runs; nil for nothing
}

func newOffice(t *testing.T, o Options) *office {
	if o.Directory == "" {
		o.Directory = t.TempDir()
	}
	o.Logger, o.Shards, o.MinFreeBytes = hclog.NewNullLogger(), 1, -1
	f := &office{t: t, options: o, address: "127.0.0.1:0"}
	f.start()
	t.Cleanup(func() {
		if f.up {
			f.stop()
		}
	})
	return f
}

func (f *office) start() {
	f.t.Helper()
	var err error
	if f.Coordinator, err = Open(f.options); err != nil {
		f.t.Fatal(err)
	}
	if f.opened != nil {
		f.opened(f.Coordinator)
	}
	l := f.listens
	if f.listens = nil; l == nil {
		if l, err = net.Listen("tcp", f.address); err != nil {
			f.t.Fatal(err)
		}
	}
	f.address = l.Addr().String()
	f.server = rpc.NewServer(rpc.ServerOptions{})
	f.Register(f.server)
	f.ran, f.served, f.up = make(chan error, 1), make(chan error, 1), true
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	go func() { f.served <- f.server.Serve(l) }()
	go func() { f.ran <- f.Run(ctx) }()
	conn, err := rpc.Dial(f.address)
	if err != nil {
		f.t.Fatal(err)
	}
	f.client, f.hangUp = wirepb.NewCoordinatorServiceClient(conn), func() { conn.Close() }
}

// stop ends the coordinator, and gives what Run said.
func (f *office) stop() error {
	f.t.Helper()
	f.up = false
	f.cancel()
	err := receive(f.t, "the end of Run", f.ran)
	if err := f.Close(); err != nil && f.replica.Err() == nil {
		f.t.Errorf("close: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f.server.Shutdown(ctx)
	<-f.served
	f.hangUp()
	return err
}

func (f *office) restart() {
	f.t.Helper()
	if err := f.stop(); err != nil {
		f.t.Fatal(err)
	}
	f.start()
}

func context1(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func message(payload string, keys ...string) *wirepb.Transaction {
	t := &wirepb.Transaction{Payload: []byte(payload)}
	for _, key := range keys {
		t.Access = append(t.Access, &wirepb.Access{Key: []byte(key), Mode: wirepb.AccessMode_ACCESS_MODE_READ_WRITE})
	}
	return t
}

func request(key string, timeout time.Duration, transactions ...*wirepb.Transaction) *wirepb.SubmitBlockRequest {
	return &wirepb.SubmitBlockRequest{
		Key: key, TimeoutMs: uint64(timeout.Milliseconds()), IncludeOutcomes: true,
		Content: &wirepb.SubmitBlockRequest_Transactions{Transactions: &wirepb.TransactionList{Transactions: transactions}},
	}
}

// submit has a block of one transaction decided.
func (f *office) submits(key string, timeout time.Duration) (*wirepb.SubmitBlockResponse, error) {
	return f.client.SubmitBlock(context1(f.t), request(key, timeout, message(key, "k")))
}

func (f *office) commits(key string, height uint64) {
	f.t.Helper()
	out, err := f.submits(key, patience)
	if err != nil || out.Decision != wirepb.Decision_DECISION_COMMITTED || out.Block.GetHeight() != height {
		f.t.Fatalf("block %q, want it committed at height %d: %v, %v", key, height, out, err)
	}
}

func wantCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if status.Code(err) != want {
		t.Errorf("got %v, want code %s", err, want)
	}
}

// puppet is a shard without a disk: the real state machine and the real
// session. Everything applies, and writes nothing.
type puppet struct {
	t       *testing.T
	client  *rpc.SessionClient
	cancel  func()
	events  chan protocol.Event
	stopped chan struct{}
	group   sync.WaitGroup

	mu      sync.Mutex
	machine *protocol.Participant
	idle    bool // executes nothing
	refuse  *protocol.Refusal
	held    []*protocol.Execute
	order   []byte // payloads, as they were executed
}

func newPuppet(t *testing.T, f *office) *puppet { return newPuppetAt(t, f, "127.0.0.1:1") }

// newPuppetAt says that the shard serves reads at an address.
func newPuppetAt(t *testing.T, f *office, address string) *puppet {
	p := &puppet{t: t, events: make(chan protocol.Event, 1024), stopped: make(chan struct{})}
	p.machine = protocol.NewParticipant(protocol.Identity{Directory: protocol.DirectoryID{7}, Address: address}, protocol.ShardState{})
	var err error
	p.client, err = rpc.NewSessionClient(rpc.SessionClientOptions{
		Handler: p, Coordinators: append([]string{f.address}, f.others...), BackoffFirst: 5 * time.Millisecond, BackoffMost: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.group.Go(func() { p.client.Run(ctx) })
	p.group.Go(p.loop)
	t.Cleanup(p.stop)
	return p
}

func (p *puppet) stop() {
	p.cancel()
	select {
	case <-p.stopped:
	default:
		close(p.stopped)
	}
	p.group.Wait()
}

func (p *puppet) Opened(s protocol.Session)          { p.post(protocol.Opened{Session: s}) }
func (p *puppet) Received(env protocol.Envelope)     { p.post(protocol.Received{Envelope: env}) }
func (p *puppet) Closed(s protocol.Session, _ error) { p.post(protocol.Closed{Session: s}) }

func (p *puppet) post(ev protocol.Event) {
	select {
	case p.events <- ev:
	case <-p.stopped:
	}
}

func (p *puppet) loop() {
	for {
		select {
		case <-p.stopped:
			return
		case ev := <-p.events:
			p.step(ev)
		}
	}
}

func (p *puppet) step(ev protocol.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, err := p.machine.Step(ev)
	if err != nil {
		p.t.Errorf("the shard found %v", err)
	}
	for _, env := range e.Send {
		p.client.Send(env)
	}
	for _, x := range e.Execute {
		p.execute(x)
	}
	for _, c := range e.Close {
		p.client.Close(c.Session, c.Reason)
	}
	if len(e.Apply) > 0 {
		h := e.Apply[len(e.Apply)-1].Height()
		go p.post(protocol.Checkpointed{Height: h})
	}
}

func (p *puppet) execute(x *protocol.Execute) {
	if p.idle {
		p.held = append(p.held, x)
		return
	}
	done := protocol.Executed{Attempt: x.Attempt, Failure: p.refuse}
	if sub, err := protocol.DecodeSubBlock(x.Encoded(), protocol.DefaultLimits()); err != nil {
		p.t.Error(err)
	} else if p.refuse == nil {
		done.Outcomes = protocol.NewOutcomes(len(sub))
		for i, t := range sub {
			_ = done.Outcomes.Set(i, protocol.OutcomeApplied)
			p.order = append(p.order, t.Payload...)
		}
		done.Writes = protocol.EncodeWrites(nil)
	}
	go p.post(done)
}

func (p *puppet) set(change func(p *puppet)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

// release executes what was held, and whatever comes.
func (p *puppet) release() {
	p.set(func(p *puppet) {
		p.idle = false
		for _, x := range p.held {
			p.execute(x)
		}
		p.held = nil
	})
}

func (p *puppet) holds() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.held)
}
