package guard_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; only a failing one comes near it.
const patience = 30 * time.Second

// port is a server with limits, and what it has counted.
type port struct {
	t        *testing.T
	address  string
	refusals *guard.Refusals
}

// values answers every Get with as many bytes as the first key says.
type values struct {
	wirepb.UnimplementedCoordinatorServiceServer
}

func (values) Get(_ context.Context, in *wirepb.GetRequest) (*wirepb.GetResponse, error) {
	return &wirepb.GetResponse{Values: []*wirepb.Value{{Found: true, Value: make([]byte, binary.BigEndian.Uint32(in.GetKeys()[0]))}}}, nil
}

func (values) SubmitBlock(_ context.Context, in *wirepb.SubmitBlockRequest) (*wirepb.SubmitBlockResponse, error) {
	return &wirepb.SubmitBlockResponse{Decision: wirepb.Decision_DECISION_COMMITTED}, nil
}

func sized(n uint32) *wirepb.GetRequest {
	return &wirepb.GetRequest{Keys: [][]byte{binary.BigEndian.AppendUint32(nil, n)}}
}

func serve(t *testing.T, limits guard.Limits) *port {
	t.Helper()
	p := &port{t: t, refusals: guard.NewRefusals(nil)}
	server := rpc.NewServer(rpc.ServerOptions{Limits: limits, Refusals: p.refusals})
	wirepb.RegisterCoordinatorServiceServer(server, values{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return p
}

// client gives a connection of an honest client, from an address of this machine.
func (p *port) client(from string) *grpc.ClientConn {
	p.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := rpc.Dial(p.address, grpc.WithContextDialer(func(ctx context.Context, a string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", a) }))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	return c
}

// check asks for the health of the server, at once.
func check(t *testing.T, c *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(c).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	return err
}

func (p *port) works(c *grpc.ClientConn) {
	p.t.Helper()
	if err := check(p.t, c); err != nil {
		p.t.Errorf("an honest client: %v", err)
	}
}

// awaitRefusals waits until a limit was met so many times.
func (p *port) awaitRefusals(reason guard.Reason, n uint64) {
	p.t.Helper()
	await(p.t, func() bool { return p.refusals.Counts()[reason] >= n }, func() any { return p.refusals.Counts() })
}

// only checks that no other limit was met.
func (p *port) only(reason guard.Reason) {
	p.t.Helper()
	for other, n := range p.refusals.Counts() {
		if n > 0 && other != reason {
			p.t.Errorf("%s: %d", other, n)
		}
	}
}

func await(t *testing.T, done func() bool, state func() any) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %v", state())
		}
	}
}

// raw dials without saying anything.
func (p *port) raw() net.Conn {
	p.t.Helper()
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	return c
}

// attacker speaks HTTP/2 frame by frame. Errors of writing are what it wants to see in
// closed.
type attacker struct {
	net.Conn
	*http2.Framer
	next uint32
}

// attack opens an HTTP/2 connection whose answers nobody reads.
func (p *port) attack(settings ...http2.Setting) *attacker {
	p.t.Helper()
	a := &attacker{Conn: p.raw(), next: 1}
	a.Framer = http2.NewFramer(a.Conn, a.Conn)
	if _, err := a.Conn.Write([]byte(http2.ClientPreface)); err != nil {
		p.t.Fatal(err)
	}
	if err := a.WriteSettings(settings...); err != nil {
		p.t.Fatal(err)
	}
	return a
}

// drain reads what comes until the connection ends, as a client would, and tells when.
func (a *attacker) drain() (ended chan struct{}) {
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, 64<<10); ; {
			if _, err := a.Conn.Read(b); err != nil {
				return
			}
		}
	}()
	return ended
}

// call begins a call.
func (a *attacker) call(method string, more ...hpack.HeaderField) (stream uint32, err error) {
	stream = a.next
	a.next += 2
	return stream, a.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: head(method, more...), EndHeaders: true})
}

func head(method string, more ...hpack.HeaderField) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, f := range append([]hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: method}, {Name: ":authority", Value: "a"},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
	}, more...) {
		_ = e.WriteField(f) // to memory
	}
	return b.Bytes()
}

// ends waits for the server to end the connection.
func ends(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the connection was not ended")
	}
}

// heap is what is in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// bounded fails if more memory is in use than before and some.
func bounded(t *testing.T, before, some int64) {
	t.Helper()
	if now := heap(); now-before > some {
		t.Errorf("%d MiB more are in use, at most %d are right", (now-before)>>20, some>>20)
	}
}
