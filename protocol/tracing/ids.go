package tracing

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Client is a number that a client draws at random; 0 is a client without spans.
type Client uint64

// NewClient draws a number.
func NewClient() Client { return Client(rand.Uint64() | 1) }

// Submission is the span of a client for a block; not valid if the client has none.
func Submission(block protocol.Digest, by Client) trace.SpanContext {
	if by == 0 {
		return trace.SpanContext{}
	}
	return derive(block, "submit", uint64(by))
}

// Block is the trace of a block, without a span.
func Block(block protocol.Digest) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceOf(block), TraceFlags: trace.FlagsSampled})
}

// Attempt is the span of the coordinator for an attempt of a block.
func Attempt(block protocol.Digest, a protocol.AttemptID) trace.SpanContext {
	return derive(block, "attempt", uint64(a.Height), uint64(a.Epoch), uint64(a.Attempt))
}

func traceOf(block protocol.Digest) (id trace.TraceID) {
	sum := sha256.Sum256(append([]byte("lockstep/trace/v1"), block[:]...))
	copy(id[:], sum[:])
	return id
}

// derive makes a span context of a block and what tells the span from the others.
func derive(block protocol.Digest, kind string, numbers ...uint64) trace.SpanContext {
	text := append([]byte("lockstep/span/v1/"+kind), block[:]...)
	for _, n := range numbers {
		text = binary.BigEndian.AppendUint64(text, n)
	}
	sum := sha256.Sum256(text)
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceOf(block), SpanID: trace.SpanID(sum[:8]), TraceFlags: trace.FlagsSampled, Remote: true,
	})
}

// IDs gives spans that are started by Start the ids that they are to have, and all
// others random ones. It implements IDGenerator of the OpenTelemetry SDK.
type IDs struct{}

type wantedKey struct{}

// NewIDs implements IDGenerator.
func (IDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, _ := ctx.Value(wantedKey{}).(trace.SpanContext)
	traceID := id.TraceID()
	for !traceID.IsValid() {
		binary.BigEndian.PutUint64(traceID[:8], rand.Uint64())
		binary.BigEndian.PutUint64(traceID[8:], rand.Uint64())
	}
	return traceID, IDs{}.NewSpanID(ctx, traceID)
}

// NewSpanID implements IDGenerator.
func (IDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	id, _ := ctx.Value(wantedKey{}).(trace.SpanContext)
	spanID := id.SpanID()
	for !spanID.IsValid() {
		binary.BigEndian.PutUint64(spanID[:], rand.Uint64())
	}
	return spanID
}

// Start starts a span. It is a child of parent if that is valid, and else the first
// one of the trace of id. It has the span id of id if there is one there.
func Start(t trace.Tracer, name string, parent, id trace.SpanContext, o ...trace.SpanStartOption) trace.Span {
	ctx := context.WithValue(context.Background(), wantedKey{}, id)
	_, span := t.Start(trace.ContextWithSpanContext(ctx, parent), name, o...)
	return span
}
