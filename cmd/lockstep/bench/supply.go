package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/executor/ledger/txfile"
	"github.com/lockstep-exec/lockstep/protocol"
)

const (
	// mostBytes bounds the blocks that are held in memory.
	mostBytes = 512 << 20
	// spare is how many times more blocks are made than the warm-up asks for.
	spare = 1.5
	// warmTransactions are about as many as warm up.
	warmTransactions = 100_000
	// firstWarm and firstTiny are where the numbers of blocks begin that are
	// not measured for throughput.
	firstWarm = 1 << 40
	firstTiny = 1 << 41
)

// supply is the blocks of all rounds, ready to be sent.
type supply struct {
	generator *workload.Generator // nil for a file on a cluster that ran before
	warm      []workload.Block
	blocks    []workload.Block // of the measurement, from the first
}

// newSupply makes what must be there before a first measurement.
func newSupply(o Options, config protocol.Config) (s *supply, err error) {
	s = &supply{}
	if o.Input != "" {
		s.blocks, err = readFile(o.Input, o.Workload.BlockSize, config)
		if err != nil || o.Coordinator != "" {
			return s, err
		}
	}
	o.Workload.Slots = config.Slots
	if s.generator, err = workload.New(o.Workload); err != nil {
		return nil, err
	}
	size := o.Workload.BlockSize
	warm := min(max(warmTransactions/size, 2), 1000)
	if o.Blocks > 0 {
		warm = min(warm, o.Blocks)
	}
	s.warm, err = generate(warm, func(i int) (workload.Block, error) { return s.generator.Block(firstWarm + i) })
	return s, err
}

// readFile reads all blocks of a transaction file.
func readFile(path string, blockSize int, config protocol.Config) (blocks []workload.Block, err error) {
	r, err := txfile.Open(path, txfile.Options{BlockSize: blockSize, Limits: config.Limits})
	if err != nil {
		return nil, cli.Usagef("--input: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for size := 0; ; {
		b, err := r.Next()
		switch {
		case errors.Is(err, io.EOF) && len(blocks) == 0:
			return nil, cli.Usagef("--input: %s has no transactions", path)
		case errors.Is(err, io.EOF):
			return blocks, nil
		case err != nil:
			return nil, cli.Usagef("--input: %w", err)
		}
		if size += len(b.Body); size > mostBytes {
			return nil, cli.Usagef("--input: the blocks of %s take more than %d MiB, which is too much to hold in memory: give a part of it", path, mostBytes>>20)
		}
		one := workload.Block{Key: b.Key, Body: b.Body, Transactions: len(b.Transactions)}
		for _, t := range b.Transactions {
			if workload.CrossesShards(t, config.Slots) {
				one.CrossShard++
			}
		}
		blocks = append(blocks, one)
	}
}

// prepare makes the blocks of the measurement: as many as a number of blocks or
// a pace in transactions a second asks for, within the bound.
func (s *supply) prepare(o Options, pace float64) (err error) {
	want := float64(o.Blocks)
	if o.Duration > 0 {
		byTime := spare*pace*o.Duration.Seconds()/float64(o.Workload.BlockSize) + float64(o.Pipeline)
		if o.Blocks == 0 || byTime < want {
			want = byTime
		}
	}
	fits := float64(mostBytes) / float64(len(s.warm[0].Body))
	n := int(max(min(math.Ceil(want), fits), 1))
	s.blocks, err = generate(n, s.generator.Block)
	return err
}

// generate makes blocks on all cores.
func generate(n int, make1 func(int) (workload.Block, error)) ([]workload.Block, error) {
	blocks := make([]workload.Block, n)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range blocks {
		group.Go(func() (err error) {
			blocks[i], err = make1(i)
			return err
		})
	}
	return blocks, group.Wait()
}

// at gives the block to be sent as number i of a measurement.
func (s *supply) at(i int) workload.Block { return s.blocks[i%len(s.blocks)] }

// fill calls each with the blocks that fill the accounts.
func (s *supply) fill(ctx context.Context, each func(workload.Block) error) error {
	if s.generator == nil {
		return nil
	}
	for i := range s.generator.Openings() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b, err := s.generator.Opening(i)
		if err != nil {
			return err
		}
		if err := each(b); err != nil {
			return fmt.Errorf("fill the accounts: %w", err)
		}
	}
	return nil
}
