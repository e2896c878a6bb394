package coordinator

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/tracing"
)

// mostSpans bounds the blocks with open spans; further ones have none.
const mostSpans = 4096

// spans tells a tracer what a node does: see package tracing. One goroutine calls
// its methods; a nil *spans does nothing, and costs nothing.
type spans struct {
	tracer  trace.Tracer
	blocks  map[protocol.Digest]*blockSpans
	heights map[protocol.Height]*blockSpans // of live attempts
	waiters map[protocol.Waiter]*blockSpans
}

// blockSpans are the open spans of a block.
type blockSpans struct {
	id      protocol.Digest
	block   trace.Span
	queue   trace.Span // nil once an attempt has begun
	attempt trace.Span // nil while none is live
	number  protocol.AttemptID
	waiter  protocol.Waiter // the last one; 0 if none waits
}

func newSpans(t trace.Tracer) *spans {
	if t == nil {
		return nil
	}
	return &spans{
		tracer: t, blocks: map[protocol.Digest]*blockSpans{},
		heights: map[protocol.Height]*blockSpans{}, waiters: map[protocol.Waiter]*blockSpans{},
	}
}

// event takes an event before the machine gets it.
func (s *spans) event(ev protocol.Event) {
	if s == nil {
		return
	}
	switch ev := ev.(type) {
	case protocol.Submitted:
		s.submitted(ev)
	case protocol.Received:
		if v, ok := ev.Message.(*protocol.Vote); ok {
			s.vote(v)
		}
	}
}

func (s *spans) submitted(ev protocol.Submitted) {
	b := s.blocks[ev.Block.ID]
	if b == nil {
		if len(s.blocks) >= mostSpans {
			return
		}
		parent := tracing.Submission(ev.Block.ID, tracing.Client(ev.Origin))
		b = s.open(ev.Block.ID, parent, tracing.Key(ev.Block.Key), attribute.Int("lockstep.transactions", ev.Block.Transactions))
		b.queue = tracing.Start(s.tracer, "queue", b.block.SpanContext(), trace.SpanContext{})
	}
	delete(s.waiters, b.waiter)
	if b.waiter = ev.Waiter; b.waiter != 0 {
		s.waiters[b.waiter] = b
	}
}

func (s *spans) open(id protocol.Digest, parent trace.SpanContext, about ...attribute.KeyValue) *blockSpans {
	b := &blockSpans{id: id, block: tracing.Start(s.tracer, "block", parent, tracing.Block(id), trace.WithAttributes(about...))}
	s.blocks[id] = b
	return b
}

func (s *spans) vote(v *protocol.Vote) {
	b := s.heights[v.Attempt.Height]
	if b == nil || b.number != v.Attempt {
		return
	}
	b.attempt.AddEvent("vote", trace.WithAttributes(attribute.Bool("lockstep.yes", v.Yes), attribute.String("lockstep.reason", v.Refusal.Reason)))
}

// begins takes the effects of a step before they are carried out: attempts that
// are sent for the first time begin. It gives the time.
func (s *spans) begins(e protocol.Effects) (now time.Time) {
	if s == nil {
		return now
	}
	for _, env := range e.Send {
		x, ok := env.Message.(*protocol.Execute)
		if !ok {
			continue
		}
		b := s.blocks[x.Block]
		if b == nil { // it was found in the log
			if len(s.blocks) >= mostSpans {
				continue
			}
			b = s.open(x.Block, trace.SpanContext{})
		}
		if b.number != x.Attempt {
			s.attempt(b, x.Attempt)
		}
	}
	return time.Now()
}

func (s *spans) attempt(b *blockSpans, a protocol.AttemptID) {
	if b.queue != nil {
		b.queue.End()
		b.queue = nil
	}
	s.give(b, "superseded by attempt "+a.String())
	b.number = a
	b.attempt = tracing.Start(s.tracer, "attempt", b.block.SpanContext(), tracing.Attempt(b.id, a),
		trace.WithAttributes(tracing.Height(a.Height), tracing.AttemptID(a), tracing.Epoch(a.Epoch)))
	s.heights[a.Height] = b
}

// give ends the attempt that is live, if there is one, as one that came to nothing.
func (s *spans) give(b *blockSpans, why string) {
	if b.attempt == nil {
		return
	}
	b.attempt.SetStatus(codes.Error, why)
	b.attempt.End()
	b.attempt = nil
	if s.heights[b.number.Height] == b {
		delete(s.heights, b.number.Height)
	}
}

// decided follows the force of decisions, which took from began until now.
func (s *spans) decided(list []*protocol.Decision, began time.Time) {
	if s == nil {
		return
	}
	for _, d := range list {
		b := s.blocks[d.Block]
		if b == nil {
			continue
		}
		if b.attempt != nil {
			tracing.Start(s.tracer, "decide", b.attempt.SpanContext(), trace.SpanContext{}, trace.WithTimestamp(began), trace.WithAttributes(tracing.Height(d.Height()))).End()
			b.attempt.End()
			b.attempt = nil
			delete(s.heights, b.number.Height)
		}
		b.block.SetAttributes(tracing.Height(d.Height()))
		s.close(b, "")
	}
}

// ends takes the effects of a step after they were carried out: what was given up.
func (s *spans) ends(e protocol.Effects) {
	if s == nil {
		return
	}
	for _, n := range e.Notes {
		b := s.heights[n.Attempt.Height]
		if n.Kind == protocol.NoteAborted && b != nil && b.number == n.Attempt {
			s.give(b, n.Text)
		}
	}
	for _, a := range e.Answer {
		if b := s.waiters[a.Waiter]; b != nil && a.Verdict != protocol.VerdictCommitted {
			s.close(b, a.Reason)
		}
	}
}

// close ends the spans of a block, as one that came to nothing if there is a reason.
func (s *spans) close(b *blockSpans, why string) {
	if b.queue != nil {
		b.queue.End()
	}
	s.give(b, why)
	if why != "" {
		b.block.SetStatus(codes.Error, why)
	}
	b.block.End()
	delete(s.waiters, b.waiter)
	delete(s.blocks, b.id)
}

// stop ends all spans: another incarnation goes on.
func (s *spans) stop(why string) {
	if s == nil {
		return
	}
	for _, b := range s.blocks {
		s.close(b, why)
	}
}
