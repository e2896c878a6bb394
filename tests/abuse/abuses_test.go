package abuse

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/rpc"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// target is whom an abuser goes for.
type target struct{ API, HTTP string }

// abuse is what one abuser does with one of its hands until ctx ends.
type abuse struct {
	name string
	do   func(ctx context.Context, at target) // nil for nothing
}

var none = abuse{name: "nothing"}

var abuses = []abuse{
	{"connects, and leaves", again(func(context.Context, *line) {})},
	{"connects, and says nothing", again(func(ctx context.Context, l *line) { l.rest(ctx) })},
	{"begins calls and takes them back", flood(func(l *line) error {
		if err := l.call(submitBlock); err != nil {
			return err
		}
		return l.WriteRSTStream(l.stream, http2.ErrCodeCancel)
	})},
	{"sends settings", flood(func(l *line) error { return l.WriteSettings() })},
	{"sends pings", flood(func(l *line) error { return l.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 8)) })},
	{"gives credit byte by byte", flood(func(l *line) error { return l.WriteWindowUpdate(0, 1) })},
	{"sends headers without end", again(func(ctx context.Context, l *line) {
		more := bytes.Repeat([]byte{0x82}, 1000)
		err := l.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: more})
		for err == nil && ctx.Err() == nil {
			err = l.WriteContinuation(1, false, more)
		}
	})},
	{"promises messages, and sends half", again(func(ctx context.Context, l *line) {
		for range 100 {
			if l.call(submitBlock) != nil || l.data(binary.BigEndian.AppendUint32([]byte{0}, rpc.MaxMessageBytes)) != nil || l.data(make([]byte, 512<<10)) != nil {
				return
			}
		}
		l.rest(ctx)
	})},
	{"sends messages of millions of empty parts", again(func(ctx context.Context, l *line) {
		for range 20 {
			if ctx.Err() != nil || l.ask(submitBlock, dense) != nil {
				return
			}
		}
	})},
	{"watches, and reads nothing", again(func(ctx context.Context, l *line) {
		for range 100 {
			if l.ask("/lockstep.v1.CoordinatorService/Watch", marshalled(&wirepb.WatchRequest{FromHeight: 1, IncludeOutcomes: true})) != nil {
				return
			}
		}
		l.rest(ctx)
	})},
	{"reads 4,096 keys again and again", again(func(ctx context.Context, l *line) {
		go io.Copy(io.Discard, l.Conn)
		for ctx.Err() == nil && l.ask("/lockstep.v1.CoordinatorService/Get", manyKeys) == nil {
			time.Sleep(time.Millisecond) // about as fast as they are answered
		}
	})},
	{"asks for the status again and again over HTTP", func(ctx context.Context, at target) {
		for ctx.Err() == nil {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.HTTP+"/status", nil)
			if err != nil {
				return
			}
			if answer, err := http.DefaultClient.Do(request); err == nil {
				_, _ = io.Copy(io.Discard, answer.Body) // until ctx ends
				answer.Body.Close()
			}
		}
	}},
}

const submitBlock = "/lockstep.v1.CoordinatorService/SubmitBlock"

var (
	dense    = append(binary.AppendUvarint([]byte{0x12}, 4<<20), bytes.Repeat([]byte{0x0a, 0}, 2<<20)...)
	manyKeys = func() []byte {
		in := &wirepb.GetRequest{}
		for i := range 4096 {
			in.Keys = append(in.Keys, fmt.Appendf(nil, "account-%d", i))
		}
		return marshalled(in)
	}()
)

func marshalled(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err) // a mistake of this file
	}
	return b
}

// line is one HTTP/2 connection of an abuser.
type line struct {
	net.Conn
	*http2.Framer
	stream uint32
}

// again connects, does something, and connects again once that has ended.
func again(do func(ctx context.Context, l *line)) func(context.Context, target) {
	return func(ctx context.Context, at target) {
		for ctx.Err() == nil {
			if l := dial(ctx, at.API); l != nil {
				stop := context.AfterFunc(ctx, func() { l.Conn.Close() })
				do(ctx, l)
				stop()
				l.Conn.Close()
			}
		}
	}
}

// flood sends the same again and again, and reads what comes.
func flood(once func(*line) error) func(context.Context, target) {
	return again(func(_ context.Context, l *line) {
		go io.Copy(io.Discard, l.Conn)
		for once(l) == nil {
			continue
		}
	})
}

// unsent is about what an abuser may have written that is not sent yet.
const unsent = 16 << 10

// dial connects from an address that others do not use, and begins.
func dial(ctx context.Context, to string) *line {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	c, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		return nil
	}
	// What the network has not taken would only keep this machine busy.
	_ = c.(*net.TCPConn).SetWriteBuffer(unsent)
	l := &line{Conn: c, Framer: http2.NewFramer(c, c), stream: ^uint32(0)}
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		return l
	}
	_ = l.WriteSettings() // what follows fails too
	return l
}

// rest reads nothing until the connection or ctx ends.
func (l *line) rest(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		<-tick.C
		if _, err := l.Conn.Write(nil); err != nil {
			return
		}
	}
}

func (l *line) call(method string) error {
	l.stream += 2
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: method}, {Name: ":authority", Value: "a"},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
	} {
		_ = e.WriteField(f) // to memory
	}
	return l.WriteHeaders(http2.HeadersFrameParam{StreamID: l.stream, BlockFragment: b.Bytes(), EndHeaders: true})
}

func (l *line) data(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), 16<<10)
		if err := l.WriteData(l.stream, false, b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// ask sends a whole message, and no more, in as far as the server has room for it at
// once.
func (l *line) ask(method string, message []byte) error {
	if err := l.call(method); err != nil {
		return err
	}
	if err := l.data(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)); err != nil {
		return err
	}
	return l.WriteData(l.stream, true, nil)
}
