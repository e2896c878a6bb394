package submit

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/client"
	"github.com/lockstep-exec/lockstep/executor/ledger/txfile"
)

// Submitter is what submits one block; see client.Coordinator.
type Submitter interface {
	Submit(context.Context, client.Submission) (client.Answer, error)
}

// Options say what to submit and how.
type Options struct {
	Files    []string        // "-" is Input
	Input    io.Reader       // standard input
	Read     txfile.Options  // how to cut files into blocks
	Pipeline int             // most blocks under way; above 1 gives up their order
	Timeout  time.Duration   // of every block
	Outcomes bool            // whether answers should have the outcome of every transaction
	Retrying client.Retrying // may be nil
}

// Result is a block with what became of it.
type Result struct {
	Block  txfile.Block
	Answer client.Answer
}

// Run submits the blocks of the files, and calls each, from one goroutine, with
// every result in the order of the files. The first result that is not
// committed is the last to be sent, and gives a *NotCommitted after each has
// seen it. Any other error means that a block was refused and changed nothing,
// or that a file has a fault, or is what each returned.
func Run(ctx context.Context, s Submitter, o Options, each func(Result) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &feed{submitter: s, options: o, each: each, blocks: read(ctx, o.Files, o.Input, o.Read)}
	for f.busy() {
		if err := f.step(ctx); err != nil {
			return err
		}
	}
	return f.failure
}

// feed is one run.
type feed struct {
	submitter Submitter
	options   Options
	each      func(Result) error
	blocks    <-chan item   // nil when no more are to be sent
	flying    []chan flight // in the order of the files
	failure   error         // the first thing that went wrong
}

// flight is a block that was sent, and what came back.
type flight struct {
	Result
	err error
}

func (f *feed) busy() bool { return f.blocks != nil || len(f.flying) > 0 }

// step sends the next block or handles the oldest result, whichever is ready.
func (f *feed) step(ctx context.Context) error {
	var next <-chan item
	if len(f.flying) < max(f.options.Pipeline, 1) {
		next = f.blocks
	}
	var oldest chan flight
	if len(f.flying) > 0 {
		oldest = f.flying[0]
	}
	select {
	case i, ok := <-next:
		f.launch(ctx, i, ok)
	case landed := <-oldest:
		f.flying = f.flying[1:]
		return f.land(landed)
	case <-f.interrupted(ctx):
		f.fail(ctx.Err())
	}
	return nil
}

// interrupted ends the wait for the next block. Blocks under way end by
// themselves when ctx does, with an answer.
func (f *feed) interrupted(ctx context.Context) <-chan struct{} {
	if f.blocks == nil {
		return nil
	}
	return ctx.Done()
}

// launch sends a block.
func (f *feed) launch(ctx context.Context, i item, ok bool) {
	if !ok || i.err != nil {
		f.fail(i.err) // nil at the end of the files
		return
	}
	landed := make(chan flight, 1)
	f.flying = append(f.flying, landed)
	go func() {
		answer, err := f.submitter.Submit(ctx, client.Submission{
			Key: i.block.Key, Body: i.block.Body,
			Timeout: f.options.Timeout, Outcomes: f.options.Outcomes, Retrying: f.options.Retrying,
		})
		landed <- flight{Result{i.block, answer}, err}
	}()
}

// land hands on a result. What is not committed ends the sending.
func (f *feed) land(l flight) error {
	if l.err != nil {
		f.fail(&Refused{Key: l.Block.Key, Line: l.Block.FirstLine, Err: l.err})
		return nil
	}
	if l.Answer.Decision != client.Committed {
		f.fail(&NotCommitted{Key: l.Block.Key, Answer: l.Answer})
	}
	return f.each(l.Result)
}

// fail ends the sending. The first failure is the one that counts, but that a
// block is left without an answer says more than that the run was interrupted.
func (f *feed) fail(err error) {
	f.blocks = nil
	if f.failure == nil || errors.Is(f.failure, context.Canceled) {
		f.failure = cmp.Or(err, f.failure)
	}
}
