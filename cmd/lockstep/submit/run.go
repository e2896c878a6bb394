package submit

import (
	"context"
	"io"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor/ledger/txfile"
)

// Submitter submits blocks in order; see client.Coordinator.
type Submitter interface {
	SubmitInOrder(ctx context.Context, feed <-chan client.Submission, most int, landed func(client.Landed) error) error
}

// Options say what to submit and how.
type Options struct {
	Files    []string        // "-" is Input
	Input    io.Reader       // standard input
	Read     txfile.Options  // how to cut files into blocks
	Pipeline int             // most blocks under way; 0 means 1
	Timeout  time.Duration   // of every block
	Outcomes bool            // whether answers should have the outcome of every transaction
	Retrying client.Retrying // may be nil
	Tracer   trace.Tracer    // gets a span for each block; nil traces nothing
}

// Result is a block with what became of it.
type Result struct {
	Block  txfile.Block
	Answer client.Answer
}

// Run submits the blocks of the files in their order, and calls each, from one
// goroutine, with every result, in the same order. The first block that is not
// committed is the last, and gives a *NotCommitted after each has seen it: those
// behind it are not committed either. Any other error means that a block was
// refused and changed nothing, or that a file has a fault, or is what each returned.
func Run(ctx context.Context, s Submitter, o Options, each func(Result) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o.Pipeline = max(o.Pipeline, 1)
	spans, ctx := newSpans(ctx, o.Tracer)
	defer spans.end()
	from := read(ctx, o, spans)
	var failure error // what the last result was, if it is not committed
	err := s.SubmitInOrder(ctx, from.blocks, o.Pipeline, func(l client.Landed) error {
		block := <-from.read
		spans.landed(l)
		if l.Err != nil {
			failure = &Refused{Key: block.Key, Line: block.FirstLine, Err: l.Err}
			return nil
		}
		if l.Answer.Decision != client.Committed {
			failure = &NotCommitted{Key: block.Key, Answer: l.Answer}
		}
		return each(Result{block, l.Answer})
	})
	switch {
	case err != nil:
		return err
	case failure != nil:
		return failure
	}
	return from.fault
}
