package guard_test

import (
	"bytes"
	compress "compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// message is how a message begins of which so many bytes are promised.
func message(promised uint32) []byte { return binary.BigEndian.AppendUint32([]byte{0}, promised) }

// send sends data as flow control of the server allows at first.
func (a *attacker) send(stream uint32, n int) (err error) {
	for piece := make([]byte, 16<<10); n > 0 && err == nil; n -= len(piece) {
		err = a.WriteData(stream, false, piece[:min(n, len(piece))])
	}
	return err
}

func TestMessagesThatStayIncomplete(t *testing.T) {
	for name, begin := range map[string]func(a *attacker, stream uint32) error{
		"head":    func(a *attacker, stream uint32) error { return a.WriteData(stream, false, []byte{0, 0}) },
		"content": func(a *attacker, stream uint32) error { return a.WriteData(stream, false, append(message(100), 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := serve(t, guard.Limits{Patience: 100 * time.Millisecond})
			a := p.attack()
			ended := a.drain()
			stream, err := a.call(submitMethod)
			if err == nil {
				err = begin(a, stream)
			}
			if err != nil {
				t.Fatal(err)
			}
			ends(t, ended)
			p.awaitRefusals(guard.SlowSender, 1)
			p.only(guard.SlowSender)
		})
	}
}

// A call that never sends a message would keep others of its peer waiting.
func TestCallsWithoutAMessage(t *testing.T) {
	t.Parallel()
	p := serve(t, guard.Limits{Patience: 100 * time.Millisecond, Slots: 1})
	a := p.attack()
	ended := a.drain()
	if _, err := a.call(submitMethod); err != nil {
		t.Fatal(err)
	}
	ends(t, ended)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := wirepb.NewCoordinatorServiceClient(p.client("127.0.0.1")).SubmitBlock(ctx, &wirepb.SubmitBlockRequest{Key: "k"}); err != nil {
		t.Errorf("an honest client of the same address: %v", err)
	}
	p.awaitRefusals(guard.SlowSender, 1)
	p.only(guard.SlowSender)
}

// Streams on which nothing was sent yet keep nobody waiting.
func TestStreamsWithoutAMessage(t *testing.T) {
	p := serve(t, guard.Limits{Slots: 1})
	a := p.attack()
	a.drain()
	for range 3 {
		if _, err := a.call("/lockstep.v1.CoordinatorService/SubmitTransactions"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := wirepb.NewCoordinatorServiceClient(p.client("127.0.0.1")).SubmitBlock(ctx, &wirepb.SubmitBlockRequest{Key: "k"}); err != nil {
		t.Errorf("an honest client of the same address: %v", err)
	}
	p.only("")
}

// A message waits for others on its connection, which bring what they must.
func TestMessagesThatShareAConnection(t *testing.T) {
	t.Parallel()
	p := serve(t, guard.Limits{Patience: 250 * time.Millisecond, LeastRate: 1 << 10})
	a := p.attack()
	ended := a.drain()
	waiting, err := a.call(submitMethod)
	if err == nil {
		err = a.WriteData(waiting, false, append(message(100), 1))
	}
	busy, err2 := a.call(submitMethod)
	if err2 == nil {
		err2 = a.WriteData(busy, false, message(8<<20))
	}
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(1600 * time.Millisecond); time.Now().Before(end); <-tick.C { // some looks at it
		if err := a.WriteData(busy, false, make([]byte, 2<<10)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-ended:
		t.Error("a message was given up while others came")
	default:
	}
	p.only("")
	ends(t, ended) // since nothing comes any more
	p.awaitRefusals(guard.SlowSender, 1)
	p.only(guard.SlowSender)
}

// A large message has time for its length, and a call may last.
func TestMessagesMayTakeTheirTime(t *testing.T) {
	t.Parallel()
	p := serve(t, guard.Limits{Patience: 100 * time.Millisecond, LeastRate: 1 << 10})
	a := p.attack()
	ended := a.drain()
	watch, err := a.call("/grpc.health.v1.Health/Watch")
	if err == nil {
		err = a.WriteData(watch, true, message(0))
	}
	slow, err2 := a.call(submitMethod)
	if err2 == nil {
		err2 = a.WriteData(slow, false, append(message(1<<20), 1))
	}
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	select {
	case <-ended:
		t.Error("a message that had time left was given up")
	case <-time.After(1500 * time.Millisecond): // of some looks at it
	}
	p.only("")
}

// What is promised takes no memory, and what is sent is bounded: whoever holds it is cut
// off, and nobody else is.
func TestMemoryOfHalfMessages(t *testing.T) {
	const memory = 16 << 20
	p := serve(t, guard.Limits{Memory: memory})
	honest := wirepb.NewCoordinatorServiceClient(p.client("127.0.0.2"))
	before := heap()
	promising := p.attack()
	for range 200 {
		stream, err := promising.call(submitMethod)
		if err == nil {
			err = promising.WriteData(stream, false, append(message(80<<20), 1))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	submit := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		block := &wirepb.SubmitBlockRequest{Key: "k", Content: &wirepb.SubmitBlockRequest_Body{Body: make([]byte, memory/2)}}
		if _, err := honest.SubmitBlock(ctx, block); err != nil {
			t.Errorf("an honest client: %v", err)
		}
	}
	submit()
	bounded(t, before, 12<<20)
	p.only("")
	hoarding := p.attack()
	ended := hoarding.drain()
	for {
		stream, err := hoarding.call(submitMethod)
		if err == nil {
			err = hoarding.WriteData(stream, false, message(80<<20))
		}
		if err == nil {
			err = hoarding.send(stream, 1<<20-headBytes)
		}
		if err != nil {
			break
		}
		if n := p.refusals.Counts()[guard.Memory]; n == 0 && hoarding.next < 2*(memory>>20)-2 {
			submit()
		}
		if hoarding.next > 1000 {
			t.Fatal("it holds more than there is for all")
		}
	}
	ends(t, ended)
	p.awaitRefusals(guard.Memory, 1)
	p.only(guard.Memory)
	submit()
	bounded(t, before, 2*memory)
}

const headBytes = 5

// An answer that is not taken is given up, on both levels of flow control.
func TestAnswersThatNobodyTakes(t *testing.T) {
	ask := func(p *port, a *attacker, size uint32, calls int) {
		body, err := proto.Marshal(sized(size))
		if err != nil {
			p.t.Fatal(err)
		}
		for range calls {
			stream, err := a.call(getMethod)
			if err == nil {
				err = a.WriteData(stream, true, append(message(uint32(len(body))), body...))
			}
			if err != nil {
				p.t.Fatal(err)
			}
		}
	}
	t.Run("no credit", func(t *testing.T) {
		t.Parallel()
		p := serve(t, guard.Limits{Patience: 100 * time.Millisecond, LeastRate: 100 << 20})
		a := p.attack(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		ended := a.drain()
		ask(p, a, 1<<20, 1)
		ends(t, ended)
		p.awaitRefusals(guard.SlowReader, 1)
		p.only(guard.SlowReader)
	})
	t.Run("nothing read", func(t *testing.T) {
		t.Parallel()
		p := serve(t, guard.Limits{WritePatience: 100 * time.Millisecond})
		a := p.attack(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		if err := a.WriteWindowUpdate(0, 1<<30); err != nil {
			t.Fatal(err)
		}
		ask(p, a, 32<<20, 1)
		p.awaitRefusals(guard.SlowReader, 1)
		p.only(guard.SlowReader)
	})
	t.Run("memory", func(t *testing.T) {
		p := serve(t, guard.Limits{Memory: 16 << 20})
		honest := wirepb.NewCoordinatorServiceClient(p.client("127.0.0.2"))
		before := heap()
		a := p.attack(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		ended := a.drain()
		ask(p, a, 1<<20, 30)
		ends(t, ended)
		p.awaitRefusals(guard.Memory, 1)
		if out, err := honest.Get(t.Context(), sized(12<<20)); err != nil || len(out.Values[0].Value) != 12<<20 {
			t.Errorf("an honest client: %v", err)
		}
		p.only(guard.Memory)
		bounded(t, before, 32<<20)
	})
}

// Whoever asks for compressed answers gets others, which are counted as they are.
func TestAnswersAreNotCompressed(t *testing.T) {
	p := serve(t, guard.Limits{Memory: 16 << 20})
	a := p.attack(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	ended := a.drain()
	body, err := proto.Marshal(sized(1 << 20))
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		stream, err := a.call(getMethod, hpack.HeaderField{Name: "grpc-encoding", Value: gzip.Name}, hpack.HeaderField{Name: "grpc-accept-encoding", Value: gzip.Name})
		if err == nil {
			err = a.WriteData(stream, true, append(message(uint32(len(body))), body...))
		}
		if err != nil {
			break // it is ended already
		}
	}
	ends(t, ended)
	p.awaitRefusals(guard.Memory, 1)
	p.only(guard.Memory)
}

// A few bytes that would become very many are not unpacked.
func TestCompressedMessages(t *testing.T) {
	p := serve(t, guard.Limits{})
	_, err := wirepb.NewCoordinatorServiceClient(p.client("127.0.0.1")).Get(t.Context(), sized(1), grpc.UseCompressor(gzip.Name))
	if err == nil || !strings.Contains(err.Error(), "compressed messages are not taken: send them as they are") {
		t.Errorf("got %v", err)
	}
	bomb := compressed(t, 64<<20)
	a := p.attack()
	a.drain()
	before := allocated()
	for range 10 {
		stream, err := a.call(submitMethod, hpack.HeaderField{Name: "grpc-encoding", Value: gzip.Name})
		if err == nil {
			err = a.WriteData(stream, false, append([]byte{1}, message(uint32(len(bomb)))[1:]...))
		}
		for rest := bomb; err == nil && len(rest) > 0; rest = rest[min(len(rest), 16<<10):] {
			err = a.WriteData(stream, false, rest[:min(len(rest), 16<<10)])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p.awaitRefusals(guard.Compressed, 11)
	p.only(guard.Compressed)
	if more := allocated() - before; more > 16<<20 {
		t.Errorf("%d MiB were taken for messages of %d bytes", more>>20, len(bomb))
	}
}

// compressed gives so many zeros, packed.
func compressed(t *testing.T, n int) []byte {
	var b bytes.Buffer
	w := compress.NewWriter(&b)
	for zeros := make([]byte, 1<<20); n > 0; n -= len(zeros) {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// allocated is what was taken so far, given back or not.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestCallsUnderWay(t *testing.T) {
	p := serve(t, guard.Limits{Calls: map[guard.Class]guard.CallLimits{guard.Feed: {All: 3, Peer: 2}, guard.Single: {All: 1, Peer: 1}}})
	watch := func(from string) (grpc.ServerStreamingClient[grpc_health_v1.HealthCheckResponse], context.CancelFunc, error) {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := grpc_health_v1.NewHealthClient(p.client(from)).Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		return stream, cancel, err
	}
	refused := func(from string) {
		t.Helper()
		_, cancel, err := watch(from)
		defer cancel()
		if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "as many calls are under way") {
			t.Errorf("got %v", err)
		}
	}
	_, cancel, err := watch("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"127.0.0.1", "127.0.0.2"} {
		_, cancel, err := watch(from)
		defer cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused("127.0.0.1") // has two
	refused("127.0.0.3") // there are three
	p.awaitRefusals(guard.TooManyCalls, 2)
	p.works(p.client("127.0.0.1")) // another class
	cancel()
	await(t, func() bool { _, cancel, err := watch("127.0.0.3"); cancel(); return err == nil }, func() any { return "no room after one has ended" })
	p.only(guard.TooManyCalls)
}

// A peer that is slower than any frame is given up by the keepalive of gRPC.
func TestAFrameThatNeverEnds(t *testing.T) {
	t.Parallel()
	p := serve(t, guard.Limits{})
	a := p.attack()
	stop := make(chan struct{})
	defer close(stop)
	go trickle(a.Conn, stop)
	ends(t, a.drain())
}

// trickle sends a byte now and then, of one frame.
func trickle(c net.Conn, stop <-chan struct{}) {
	if _, err := c.Write([]byte{0, 0x3f, 0xff, 0, 0, 0, 0, 0, 1}); err != nil {
		return
	}
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
		if _, err := io.WriteString(c, "a"); err != nil {
			return
		}
	}
}
