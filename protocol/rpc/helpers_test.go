package rpc_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; only a failing one comes near it.
const patience = time.Minute

// event is a call to a handler.
type event struct {
	kind    string // "opened", "received" or "closed"
	session protocol.Session
	env     protocol.Envelope
	reason  error
}

// recorder is a handler that keeps what it is told. While it is held, it keeps
// its reader in Received.
type recorder struct {
	t  testing.TB
	on func(event) // called outside the lock; may be nil

	mu     sync.Mutex
	cond   *sync.Cond
	events []event
	held   bool
	forget bool // keep hellos only
}

func newRecorder(t testing.TB) *recorder {
	r := &recorder{t: t}
	r.cond = sync.NewCond(&r.mu)
	return r
}

func (r *recorder) Opened(s protocol.Session) { r.add(event{kind: "opened", session: s}) }
func (r *recorder) Closed(s protocol.Session, reason error) {
	r.add(event{kind: "closed", session: s, reason: reason})
}

func (r *recorder) Received(env protocol.Envelope) {
	r.add(event{kind: "received", session: env.Session, env: env})
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.held {
		r.cond.Wait()
	}
}

func (r *recorder) add(ev event) {
	r.mu.Lock()
	if _, hello := ev.env.Message.(*protocol.Hello); hello || !r.forget {
		r.events = append(r.events, ev)
	}
	r.cond.Broadcast()
	r.mu.Unlock()
	if r.on != nil {
		r.on(ev)
	}
}

// hold keeps readers in Received from now on, or lets them go.
func (r *recorder) hold(held bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = held
	r.cond.Broadcast()
}

func (r *recorder) all() []event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// await waits for the n-th event (from 1) that is like this.
func (r *recorder) await(what string, n int, like func(event) bool) event {
	r.t.Helper()
	stop := time.AfterFunc(patience, r.cond.Broadcast)
	defer stop.Stop()
	deadline := time.Now().Add(patience)
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		count := 0
		for _, ev := range r.events {
			if like(ev) {
				if count++; count == n {
					return ev
				}
			}
		}
		if !time.Now().Before(deadline) {
			r.t.Fatalf("waited in vain for %s number %d; events:%s", what, n, describe(r.events))
		}
		r.cond.Wait()
	}
}

func (r *recorder) awaitKind(kind string, n int) event {
	r.t.Helper()
	return r.await(kind, n, func(ev event) bool { return ev.kind == kind })
}

// awaitMessage waits for the n-th message of a type.
func awaitMessage[M protocol.Message](r *recorder, n int) (M, event) {
	r.t.Helper()
	ev := r.await("message", n, func(ev event) bool { _, ok := ev.env.Message.(M); return ok })
	return ev.env.Message.(M), ev
}

// coordinator is a server with sessions on loopback.
type coordinator struct {
	*recorder
	sessions *rpc.SessionServer
	server   *rpc.Server
	address  string
	standing oracle
}

type serverOption func(*rpc.SessionServerOptions)

// startCoordinator welcomes every shard, unless told otherwise.
func startCoordinator(t testing.TB, options ...serverOption) *coordinator {
	t.Helper()
	c := &coordinator{recorder: newRecorder(t), server: rpc.NewServer(rpc.ServerOptions{})}
	o := rpc.SessionServerOptions{Handler: c}
	o.Logger = hclog.NewNullLogger()
	for _, option := range options {
		option(&o)
	}
	c.sessions = rpc.NewSessionServer(o)
	c.on = func(ev event) {
		if _, hello := ev.env.Message.(*protocol.Hello); hello {
			c.sessions.Send(protocol.Envelope{Session: ev.session, Epoch: 1, Message: &protocol.Welcome{Config: testConfig()}})
		}
	}
	wirepb.RegisterSessionServiceServer(c.server, c.sessions)
	wirepb.RegisterClusterServiceServer(c.server, &c.standing)
	l := listen(t)
	c.address = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- c.server.Serve(l) }()
	t.Cleanup(func() {
		c.hold(false)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.sessions.Shutdown(ctx, "the test ends"); err != nil {
			t.Error(err)
		}
		c.server.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return c
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func testConfig() protocol.Config {
	return protocol.Config{Cluster: protocol.ClusterID{1}, Slots: protocol.EvenSlots(2), Limits: protocol.DefaultLimits()}
}

// shard is a session client that says hello by itself.
type shard struct {
	*recorder
	client *rpc.SessionClient
	stop   func() // ends Run and waits for it
}

type clientOption func(*rpc.SessionClientOptions)

func startShard(t testing.TB, address string, options ...clientOption) *shard {
	t.Helper()
	s := &shard{recorder: newRecorder(t)}
	s.on = func(ev event) {
		if ev.kind == "opened" {
			s.client.Send(hello(ev.session))
		}
	}
	o := rpc.SessionClientOptions{Handler: s, Coordinators: []string{address}, BackoffFirst: time.Millisecond, BackoffMost: 20 * time.Millisecond}
	for _, option := range options {
		option(&o)
	}
	client, err := rpc.NewSessionClient(o)
	if err != nil {
		t.Fatal(err)
	}
	s.client = client
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- client.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		s.hold(false)
		cancel()
		if err := <-ran; err != context.Canceled {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

func hello(s protocol.Session) protocol.Envelope {
	return protocol.Envelope{Session: s, Message: &protocol.Hello{
		Directory: protocol.DirectoryID{1}, Instance: protocol.InstanceID{1}, Address: "127.0.0.1:1"}}
}

func attempt(h protocol.Height) protocol.AttemptID {
	return protocol.AttemptID{Height: h, Epoch: 1, Attempt: 1}
}

func execute(h protocol.Height, size int) *protocol.Execute {
	x := &protocol.Execute{Attempt: attempt(h), SubBlock: bytes.Repeat([]byte{byte(h)}, size)}
	if h > 1 {
		x.Parent = attempt(h - 1)
	}
	return x
}

func commit(h protocol.Height) protocol.Commit {
	return protocol.Commit{Committed: protocol.Committed{Attempt: attempt(h)}}
}

func quickly(o *rpc.SessionOptions) {
	o.Heartbeat, o.Silence, o.Flush = 20*time.Millisecond, 300*time.Millisecond, 200*time.Millisecond
}

// lines is a log that can be read back. Made by newLines.
type lines struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	written *sync.Cond
}

func newLines() *lines {
	l := &lines{}
	l.written = sync.NewCond(&l.mu)
	return l
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written.Broadcast()
	return l.buf.Write(p)
}

// await waits until a text was logged.
func (l *lines) await(t testing.TB, text string) {
	t.Helper()
	stop := time.AfterFunc(patience, l.written.Broadcast)
	defer stop.Stop()
	deadline := time.Now().Add(patience)
	l.mu.Lock()
	defer l.mu.Unlock()
	for !strings.Contains(l.buf.String(), text) {
		if !time.Now().Before(deadline) {
			t.Fatalf("%q was never logged; the log:\n%s", text, l.buf.String())
		}
		l.written.Wait()
	}
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.buf.Bytes(), []byte(text))
}

func (l *lines) logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: l, Level: hclog.Debug})
}

func describe(events []event) string {
	var b strings.Builder
	for _, ev := range events {
		fmt.Fprintf(&b, "\n%d %s %T %v", ev.session, ev.kind, ev.env.Message, ev.reason)
	}
	return b.String()
}
