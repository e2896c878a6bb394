package guard

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

// leastAnswer is from how many bytes on it is counted what becomes of an answer. What is
// smaller is bounded by what gRPC lets a call write ahead.
const leastAnswer = 4 << 10

// Answer is a message on its way to a client. Codecs of a server marshal the message
// inside, and give the result to Track.
type Answer struct {
	Message any
	to      *meter
}

// Track counts the bytes of an answer until they are written, or given up.
func (a *Answer) Track(data mem.BufferSlice) mem.BufferSlice {
	if data.Len() < leastAnswer {
		return data
	}
	large := 0
	for n, b := range data {
		if b.Len() > data[large].Len() {
			large = n
		}
	}
	p := &parcel{to: a.to, under: data[large], bytes: data.Len(), since: a.to.guard.now()}
	bytes := p.under.ReadOnlyData()
	data[large] = mem.NewBuffer(&bytes, p)
	p.sent()
	return data
}

// parcel is an answer that gRPC holds. It is the pool to which gRPC gives the buffer
// back when it needs it no more.
type parcel struct {
	to    *meter
	under mem.Buffer
	bytes int
	since time.Time
}

// Get implements mem.BufferPool.
func (p *parcel) Get(length int) *[]byte { return mem.DefaultBufferPool().Get(length) }

// Put implements mem.BufferPool.
func (p *parcel) Put(*[]byte) {
	p.under.Free()
	p.to.mu.Lock()
	defer p.to.mu.Unlock()
	if _, held := p.to.answers[p]; held {
		delete(p.to.answers, p)
		p.to.hold(-p.bytes)
	}
}

func (p *parcel) sent() {
	p.to.mu.Lock()
	p.to.answers[p] = struct{}{}
	p.to.hold(p.bytes)
	p.to.mu.Unlock()
	p.to.guard.relieve()
}

// Unary is the interceptor that has calls wait for their turn, and answers counted.
func (g *Guard) Unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := unpacked(ctx); err != nil {
		return nil, err
	}
	done, err := g.turn(ctx, info.FullMethod, request)
	if err != nil {
		return nil, err
	}
	defer done()
	response, err := handler(ctx, request)
	if m := g.meterOf(ctx); err == nil && m != nil {
		return &Answer{response, m}, nil
	}
	return response, err
}

// Stream is that for streams.
func (g *Guard) Stream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := unpacked(stream.Context()); err != nil {
		return err
	}
	if m := g.meterOf(stream.Context()); m != nil {
		stream = answering{stream, m}
	}
	return handler(service, stream)
}

func (g *Guard) meterOf(ctx context.Context) *meter {
	if c := g.connOf(ctx); c != nil {
		return c.meter.Load()
	}
	return nil
}

// answering is a stream whose messages are counted.
type answering struct {
	grpc.ServerStream
	to *meter
}

// SendMsg implements grpc.ServerStream.
func (s answering) SendMsg(m any) error { return s.ServerStream.SendMsg(&Answer{m, s.to}) }
