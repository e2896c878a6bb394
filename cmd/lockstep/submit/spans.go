package submit

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor/ledger/txfile"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/tracing"
)

// spans are those of the blocks that are under way: the first of each trace. A nil
// *spans does nothing.
type spans struct {
	tracer trace.Tracer
	client tracing.Client

	mu   sync.Mutex
	open []trace.Span // in the order of the blocks
}

// newSpans gives spans, and a context whose calls tell the coordinator of them.
func newSpans(ctx context.Context, t trace.Tracer) (*spans, context.Context) {
	if t == nil {
		return nil, ctx
	}
	s := &spans{tracer: t, client: tracing.NewClient()}
	return s, tracing.Outgoing(ctx, s.client)
}

// begin notes a block that is about to be submitted.
func (s *spans) begin(b txfile.Block) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := tracing.Submission(protocol.BlockID(b.Key, b.Body), s.client)
	s.open = append(s.open, tracing.Start(s.tracer, "submit", trace.SpanContext{}, id, trace.WithAttributes(tracing.Key(b.Key))))
}

// landed notes what became of the first block that is under way.
func (s *spans) landed(l client.Landed) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	span := s.open[0]
	s.open = s.open[1:]
	switch {
	case l.Err != nil:
		span.SetStatus(codes.Error, l.Err.Error())
	case l.Answer.Decision != client.Committed:
		span.SetStatus(codes.Error, l.Answer.Reason)
	}
	span.SetAttributes(attribute.String("lockstep.decision", string(l.Answer.Decision)))
	span.End()
}

// end ends what has not landed.
func (s *spans) end() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.open {
		span.SetStatus(codes.Error, "given up")
		span.End()
	}
	s.open = nil
}
