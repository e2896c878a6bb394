package executor

import (
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/tracing"
)

const (
	// mostSpans bounds the attempts with spans; further ones have none.
	mostSpans = 4096
	// mostLinks bounds the blocks that a checkpoint is linked to, the newest.
	mostLinks = 128
)

// spans tells a tracer what a shard does: see package tracing. It is safe for
// concurrent use; a nil *spans does nothing, and costs nothing.
type spans struct {
	tracer trace.Tracer
	shard  protocol.ShardID
	clock  func() time.Time

	mu       sync.Mutex
	attempts map[protocol.AttemptID]*attemptSpans
	done     []*attemptSpans // committed and not checkpointed, the newest mostLinks
}

// attemptSpans are the open spans of an attempt.
type attemptSpans struct {
	attempt protocol.AttemptID
	block   protocol.Digest
	prepare trace.Span // nil once it has voted, or if a restart found it prepared
	execute trace.Span // nil once it has a result
}

func newSpans(t trace.Tracer, shard protocol.ShardID, clock func() time.Time) *spans {
	if t == nil {
		return nil
	}
	return &spans{tracer: t, shard: shard, clock: clock, attempts: map[protocol.AttemptID]*attemptSpans{}}
}

func (s *spans) about(a protocol.AttemptID, more ...attribute.KeyValue) trace.SpanStartOption {
	return trace.WithAttributes(append(more, tracing.Height(a.Height), tracing.AttemptID(a), tracing.Shard(s.shard))...)
}

// restored notes an attempt that was prepared before a restart.
func (s *spans) restored(p *protocol.Prepared) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts[p.Attempt] = &attemptSpans{attempt: p.Attempt, block: p.Block}
}

// now is the time while there is a tracer.
func (s *spans) now() (now time.Time) {
	if s == nil {
		return now
	}
	return s.clock()
}

// executing notes that attempts begin.
func (s *spans) executing(list []*protocol.Execute) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range list {
		if len(s.attempts) >= mostSpans {
			return
		}
		a := &attemptSpans{attempt: x.Attempt, block: x.Block}
		a.prepare = tracing.Start(s.tracer, "prepare", tracing.Attempt(x.Block, x.Attempt), trace.SpanContext{}, s.about(x.Attempt))
		a.execute = tracing.Start(s.tracer, "execute", a.prepare.SpanContext(), trace.SpanContext{}, s.about(x.Attempt))
		s.attempts[x.Attempt] = a
	}
}

// waited notes how long a run waited for values of other shards, if it did.
func (s *spans) waited(attempt protocol.AttemptID, from, to time.Time) {
	if s == nil || !to.After(from) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.attempts[attempt]; a != nil && a.execute != nil {
		tracing.Start(s.tracer, "exchange wait", a.execute.SpanContext(), trace.SpanContext{}, s.about(attempt), trace.WithTimestamp(from)).End(trace.WithTimestamp(to))
	}
}

// event takes an event before the machine gets it.
func (s *spans) event(ev protocol.Event) {
	if s == nil {
		return
	}
	x, ok := ev.(protocol.Executed)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.attempts[x.Attempt]; a != nil && a.execute != nil {
		if x.Failure != nil {
			a.execute.SetStatus(codes.Error, x.Failure.Reason)
		}
		a.execute.End()
		a.execute = nil
	}
}

// forced notes that the records are durable; appending and forcing began then.
func (s *spans) forced(records []protocol.Record, began time.Time) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		p, ok := r.(*protocol.Prepared)
		if !ok {
			continue
		}
		if a := s.attempts[p.Attempt]; a != nil && a.prepare != nil {
			tracing.Start(s.tracer, "force", a.prepare.SpanContext(), trace.SpanContext{}, s.about(p.Attempt), trace.WithTimestamp(began)).End()
		}
	}
}

// dropped ends what was given up: everything from a height on.
func (s *spans) dropped(from protocol.AttemptID) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, a := range s.attempts {
		if id.Height >= from.Height {
			a.end("dropped")
			delete(s.attempts, id)
		}
	}
}

// voted ends the preparation of what was voted on.
func (s *spans) voted(m protocol.Message) {
	v, ok := m.(*protocol.Vote)
	if s == nil || !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.attempts[v.Attempt]
	if a == nil || a.prepare == nil {
		return
	}
	a.prepare.AddEvent("vote", trace.WithAttributes(attribute.Bool("lockstep.yes", v.Yes)))
	if v.Yes {
		a.end("")
		return
	}
	a.end(v.Refusal.Reason)
	delete(s.attempts, v.Attempt)
}

// end ends what is open, as something that came to nothing if there is a reason.
func (a *attemptSpans) end(why string) {
	for _, span := range []trace.Span{a.execute, a.prepare} {
		if span == nil {
			continue
		}
		if why != "" {
			span.SetStatus(codes.Error, why)
		}
		span.End()
	}
	a.execute, a.prepare = nil, nil
}

// committed notes that a height is visible since now; the commit began then.
func (s *spans) committed(attempt protocol.AttemptID, began time.Time) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.attempts[attempt]
	if a == nil {
		return
	}
	a.end("")
	tracing.Start(s.tracer, "commit", tracing.Attempt(a.block, attempt), trace.SpanContext{}, s.about(attempt), trace.WithTimestamp(began)).End()
	delete(s.attempts, attempt)
	if s.done = append(s.done, a); len(s.done) > mostLinks {
		s.done = s.done[len(s.done)-mostLinks:]
	}
}

// checkpointed notes that everything up to a height is in the database; the checkpoint
// began then. It is a trace of its own, with links to the blocks.
func (s *spans) checkpointed(upTo protocol.Height, began time.Time) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var links []trace.Link
	for len(s.done) > 0 && s.done[0].attempt.Height <= upTo {
		links = append(links, trace.Link{SpanContext: tracing.Attempt(s.done[0].block, s.done[0].attempt)})
		s.done = s.done[1:]
	}
	tracing.Start(s.tracer, "checkpoint", trace.SpanContext{}, trace.SpanContext{}, trace.WithTimestamp(began), trace.WithLinks(links...),
		trace.WithAttributes(tracing.Height(upTo), tracing.Shard(s.shard))).End()
}

// stop ends what is open, when the shard ends.
func (s *spans) stop() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.attempts {
		a.end("the shard has ended")
	}
	clear(s.attempts)
}
