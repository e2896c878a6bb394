package rpc_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Both sides notice a cut that nobody tells them of, and the shard comes back.
func TestSilentCut(t *testing.T) {
	c := startCoordinator(t, func(o *rpc.SessionServerOptions) { quickly(&o.SessionOptions) })
	p := startProxy(t, c.address)
	s := startShard(t, p.address(), func(o *rpc.SessionClientOptions) {
		quickly(&o.SessionOptions)
		o.Open = 300 * time.Millisecond
	})
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	p.cut()
	if ev := s.awaitKind("closed", 1); !errors.Is(ev.reason, rpc.ErrSilent) {
		t.Errorf("the shard was told: %v", ev.reason)
	}
	if ev := c.awaitKind("closed", 1); !errors.Is(ev.reason, rpc.ErrSilent) && !strings.Contains(ev.reason.Error(), "lost the shard") {
		t.Errorf("the coordinator was told: %v", ev.reason)
	}
	p.heal()
	awaitMessage[*protocol.Welcome](s.recorder, 2)
	checkOrder(t, s.all())
	checkOrder(t, c.all())
}

// Without heartbeats, the keepalive of the server notices a cut.
func TestKeepaliveNoticesCut(t *testing.T) {
	if testing.Short() {
		t.Skip("takes four seconds")
	}
	c := startCoordinator(t, func(o *rpc.SessionServerOptions) { o.Silence, o.Heartbeat = time.Hour, time.Hour })
	p := startProxy(t, c.address)
	s := startShard(t, p.address(), func(o *rpc.SessionClientOptions) { o.Silence, o.Heartbeat = time.Hour, time.Hour })
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	p.cut()
	c.awaitKind("closed", 1)
	p.heal()
}

func TestResetAndReturn(t *testing.T) {
	c := startCoordinator(t)
	p := startProxy(t, c.address)
	s := startShard(t, p.address())
	for n := range 5 {
		awaitMessage[*protocol.Welcome](s.recorder, n+1)
		p.reset()
		s.awaitKind("closed", n+1)
		c.awaitKind("closed", n+1)
	}
	checkOrder(t, s.all())
	checkOrder(t, c.all())
}

// rawSession opens a session without any manners.
func rawSession(t *testing.T, address string) wirepb.SessionService_OpenClient {
	t.Helper()
	conn, err := rpc.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(func() {
		cancel()
		conn.Close()
	})
	stream, err := wirepb.NewSessionServiceClient(conn).Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// ended reads until the other side ends the stream.
func ended(stream wirepb.SessionService_OpenClient) error {
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

func helloFrame(t *testing.T) *wirepb.Frame {
	t.Helper()
	lane, data, err := wire.Marshal(hello(0))
	if err != nil {
		t.Fatal(err)
	}
	frame, _ := wire.Chunk(lane, data)
	return frame
}

// What a bad peer sends ends its own session, with a reason, and nothing else.
func TestMalformedInputEndsOnlyItsSession(t *testing.T) {
	c := startCoordinator(t, func(o *rpc.SessionServerOptions) { o.MaxMessageBytes = 1 << 20 })
	good := startShard(t, c.address)
	_, here := awaitMessage[*protocol.Welcome](good.recorder, 1)
	_, welcome, err := wire.Marshal(protocol.Envelope{Epoch: 1, Message: &protocol.Welcome{Config: testConfig()}})
	if err != nil {
		t.Fatal(err)
	}
	_, ack, err := wire.Marshal(protocol.Envelope{Epoch: 1, Message: protocol.Ack{}})
	if err != nil {
		t.Fatal(err)
	}
	big := &wirepb.Frame{Lane: wire.Bulk, More: true, Data: make([]byte, wire.ChunkBytes)}
	for name, frames := range map[string][]*wirepb.Frame{
		"no lane":               {{Data: []byte("x")}},
		"unknown lane":          {{Lane: 77, Data: []byte("x")}},
		"no message":            {{Lane: wire.Bulk, Data: []byte{0xff}}},
		"a coordinator's":       {{Lane: wire.Control, Data: welcome}},
		"garbage after a hello": {helloFrame(t), {Lane: wire.Bulk, Data: []byte("garbage")}},
		"no hello first":        {{Lane: wire.Bulk, Data: ack}},
		"large frame":           {{Lane: wire.Bulk, Data: make([]byte, wire.ChunkBytes+1)}},
		"large message":         {big, big, big, big, big},
	} {
		stream := rawSession(t, c.address)
		for _, f := range frames {
			if err := stream.Send(f); err != nil && err != io.EOF {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := ended(stream); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: the session ended with %v", name, err)
		}
	}
	good.client.Send(protocol.Envelope{Session: here.session, Epoch: 1, Message: protocol.Ack{}})
	awaitMessage[protocol.Ack](c.recorder, 1)
	for _, ev := range good.all() {
		if ev.kind == "closed" {
			t.Errorf("the good session ended too: %v", ev.reason)
		}
	}
	checkOrder(t, c.all())
}

// A shard survives whatever a coordinator says, and tries again.
func TestMalformedInputFromCoordinator(t *testing.T) {
	bad := &badCoordinator{}
	server := rpc.NewServer(rpc.ServerOptions{})
	wirepb.RegisterSessionServiceServer(server, bad)
	l := listen(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	s := startShard(t, l.Addr().String())
	for n := range 4 {
		if ev := s.awaitKind("closed", n+1); !errors.Is(ev.reason, wire.ErrMalformed) {
			t.Errorf("closed: %v", ev.reason)
		}
	}
	s.stop()
	server.Stop()
	<-served
}

type badCoordinator struct {
	wirepb.UnimplementedSessionServiceServer
}

func (*badCoordinator) Open(stream wirepb.SessionService_OpenServer) error {
	if err := stream.Send(&wirepb.Frame{Lane: wire.Control, Data: []byte("nonsense")}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

func TestRandomBytesOnThePort(t *testing.T) {
	c := startCoordinator(t)
	var strangers sync.WaitGroup
	for i := range 20 {
		strangers.Go(func() {
			conn, err := net.Dial("tcp", c.address)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			noise := make([]byte, 4096)
			rand.Read(noise)
			if i%2 == 0 {
				_, _ = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
			}
			_, _ = conn.Write(noise)
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			_, _ = io.Copy(io.Discard, conn) // until the server hangs up
		})
	}
	strangers.Wait()
	s := startShard(t, c.address)
	awaitMessage[*protocol.Welcome](s.recorder, 1)
}

func TestSessionWithoutHelloEnds(t *testing.T) {
	c := startCoordinator(t, func(o *rpc.SessionServerOptions) {
		quickly(&o.SessionOptions)
		o.Silence, o.Hello = time.Hour, 50*time.Millisecond
	})
	if err := ended(rawSession(t, c.address)); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "no hello") {
		t.Errorf("the session ended with %v", err)
	}
	if ev := c.awaitKind("closed", 1); !errors.Is(ev.reason, rpc.ErrNoHello) {
		t.Errorf("closed: %v", ev.reason)
	}
}

// A coordinator that has nothing to say shows that it is alive.
func TestHeartbeatsCome(t *testing.T) {
	c := startCoordinator(t, func(o *rpc.SessionServerOptions) { o.Heartbeat = 10 * time.Millisecond })
	stream := rawSession(t, c.address)
	for range 5 {
		frame, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if frame.Lane != wirepb.Lane_LANE_HEARTBEAT {
			t.Errorf("a frame of lane %v came", frame.Lane)
		}
	}
}

func TestTooManySessions(t *testing.T) {
	c := startCoordinator(t, func(o *rpc.SessionServerOptions) { o.MaxSessions = 1 })
	s := startShard(t, c.address)
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	if err := ended(rawSession(t, c.address)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one session too many ended with %v", err)
	}
	s.stop()
	c.awaitKind("closed", 1)
	again := startShard(t, c.address)
	awaitMessage[*protocol.Welcome](again.recorder, 1)
}

func TestCloseAllRefusesUntilAccept(t *testing.T) {
	c := startCoordinator(t)
	s := startShard(t, c.address)
	awaitMessage[*protocol.Welcome](s.recorder, 1)
	c.sessions.CloseAll("stepping down")
	s.awaitKind("closed", 1)
	if err := ended(rawSession(t, c.address)); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "stepping down") {
		t.Errorf("a new session ended with %v", err)
	}
	c.sessions.Accept()
	awaitMessage[*protocol.Welcome](s.recorder, 2)
}
