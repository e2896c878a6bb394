package submit

import (
	"context"
	"fmt"
	"io"
	"os"

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
			return err
		}
		if info.IsDir() {
			return fmt.Errorf("%s is a directory: give the files in it", name)
		}
	}
	return nil
}

// item is a block that was read, or the fault that ended the reading.
type item struct {
	block txfile.Block
	err   error
}

// read gives the blocks of all files, in order, and closes the channel at the
// end or after a fault. It reads at most one block ahead and stops when ctx
// ends, unless it waits for input then.
func read(ctx context.Context, files []string, input io.Reader, o txfile.Options) <-chan item {
	blocks := make(chan item)
	go func() {
		defer close(blocks)
		for _, name := range files {
			if err := readFile(ctx, name, input, o, blocks); err != nil {
				give(ctx, blocks, item{err: err})
				return
			}
		}
	}()
	return blocks
}

func readFile(ctx context.Context, name string, input io.Reader, o txfile.Options, blocks chan<- item) error {
	r, err := open(name, input, o)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !give(ctx, blocks, item{block: b}) {
			return ctx.Err()
		}
	}
}

func open(name string, input io.Reader, o txfile.Options) (*txfile.Reader, error) {
	if name == stdin {
		return txfile.NewReader(input, "standard input", o)
	}
	return txfile.Open(name, o)
}

func give(ctx context.Context, blocks chan<- item, i item) bool {
	select {
	case blocks <- i:
		return true
	case <-ctx.Done():
		return false
	}
}
