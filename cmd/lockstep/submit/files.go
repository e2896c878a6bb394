package submit

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor/ledger/txfile"
)

// stdin is the name that stands for standard input.
const stdin = "-"

// Check refuses files that are not there, before anything of another is sent.
func Check(files []string) error {
	inputs := 0
	for _, name := range files {
		if name == stdin {
			if inputs++; inputs > 1 {
				return fmt.Errorf("standard input (-) can be read only once")
			}
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("cannot read transactions: %w: give the name of a file, or - for standard input", err)
		}
		if info.IsDir() {
			return fmt.Errorf("%s is a directory: give the files in it", name)
		}
	}
	return nil
}

// source is the blocks of all files, in order.
type source struct {
	options Options
	spans   *spans
	blocks  chan client.Submission // closed at the end, or after a fault
	read    chan txfile.Block      // the same blocks, for their results
	fault   error                  // what ended the reading, once blocks is closed
}

// read begins to read. It reads at most one block ahead and stops when ctx ends,
// unless it waits for input then.
func read(ctx context.Context, o Options, spans *spans) *source {
	// Room for those that are under way, and for one that is offered.
	s := &source{options: o, spans: spans, blocks: make(chan client.Submission), read: make(chan txfile.Block, o.Pipeline+1)}
	go func() {
		defer close(s.blocks)
		for _, name := range o.Files {
			if s.fault = s.readFile(ctx, name); s.fault != nil {
				return
			}
		}
	}()
	return s
}

func (s *source) readFile(ctx context.Context, name string) error {
	r, err := open(name, s.options.Input, s.options.Read)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // it was only read
	for {
		b, err := r.Next()
		if err == io.EOF { //nolint:errorlint // the end is io.EOF itself; an error that wraps it is a fault
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.give(ctx, b); err != nil {
			return err
		}
	}
}

func (s *source) give(ctx context.Context, b txfile.Block) error {
	s.read <- b
	s.spans.begin(b)
	select {
	case s.blocks <- client.Submission{
		Key: b.Key, Body: b.Body, Timeout: s.options.Timeout, Outcomes: s.options.Outcomes, Retrying: s.options.Retrying,
	}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func open(name string, input io.Reader, o txfile.Options) (*txfile.Reader, error) {
	if name == stdin {
		return txfile.NewReader(input, "standard input", o)
	}
	return txfile.Open(name, o)
}
