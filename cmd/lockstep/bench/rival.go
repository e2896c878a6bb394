package bench

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/bare"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Figures are what a rival came to with the same blocks.
type Figures struct {
	Throughput   float64             `json:"throughput_tps"`
	Transactions int                 `json:"transactions"`
	Blocks       int                 `json:"blocks"` // of which the last may be a part only
	Seconds      float64             `json:"seconds"`
	Latency      measure.Percentiles `json:"latency_ms"` // of what it commits at once: a block, or a transaction
	CPUPer       *float64            `json:"cpu_us_per_tx"`
	WrittenPer   *float64            `json:"written_bytes_per_tx"`
}

// figuresOf takes what was measured.
func figuresOf(blocks, transactions int, elapsed time.Duration, latencies []time.Duration) Figures {
	return Figures{
		Throughput: float64(transactions) / max(elapsed.Seconds(), 1e-9), Transactions: transactions, Blocks: blocks,
		Seconds: elapsed.Seconds(), Latency: measure.PercentilesOf(latencies),
	}
}

// used adds what it cost.
func (f *Figures) used(u measure.Usage) {
	cpu := per(float64(u.CPU.Microseconds()), f.Transactions)
	f.CPUPer = &cpu
	if u.Written >= 0 {
		written := per(float64(u.Written), f.Transactions)
		f.WrittenPer = &written
	}
}

// task is what all rivals do in a round.
type task struct {
	*supply
	config protocol.Config
	blocks int           // as many as Lockstep did
	most   time.Duration // how long at most
	tell   func(blocks, transactions int)
}

// measureBare runs the blocks through package bare. If it could do them all, it
// gives the state digests too.
func (b *bench) measureBare(ctx context.Context, dir string, t task) (f Figures, digests []string, err error) {
	s, err := bare.Create(dir, ledger.Machine{}, t.config.Slots, t.config.Limits)
	if err != nil {
		return f, nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	run := func(block workload.Block) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		_, err := s.Run(block.Body)
		return err
	}
	if err := t.fill(ctx, run); err != nil {
		return f, nil, err
	}
	for _, block := range t.warm {
		if err := run(block); err != nil {
			return f, nil, err
		}
	}
	before, began := ownUsage(), time.Now()
	var latencies []time.Duration
	transactions := 0
	for i := 0; i < t.blocks && time.Since(began) < t.most; i++ {
		block, start := t.at(i), time.Now()
		if err := run(block); err != nil {
			return f, nil, err
		}
		latencies = append(latencies, time.Since(start))
		transactions += block.Transactions
		t.tell(i+1, transactions)
	}
	blocks := len(latencies)
	f = figuresOf(blocks, transactions, time.Since(began), latencies)
	f.used(ownUsage().Sub(before))
	if blocks == t.blocks {
		digests, err = digestsOf(s, t.config.Slots.Shards())
	}
	return f, digests, err
}

// ownUsage is what this process has used: its time more exactly than /proc
// tells it.
func ownUsage() measure.Usage {
	u, err := measure.Process(syscall.Getpid())
	if err != nil {
		u.Written = -1
	}
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) == nil {
		u.CPU = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u
}

func digestsOf(s *bare.Store, shards int) (digests []string, err error) {
	for i := range shards {
		d, err := s.Digest(protocol.ShardID(i))
		if err != nil {
			return nil, fmt.Errorf("add up the state of the bare run: %w", err)
		}
		digests = append(digests, d.String())
	}
	return digests, nil
}

// sameState compares the state of all shards with that of the bare run.
func sameState(o ours, digests []string) error {
	for i, d := range digests {
		if d != o.digests[i] {
			return cli.Refusedf("shard %d has the state digest %s, and the same blocks in one process, one after the other, come to %s", i, o.digests[i], d)
		}
	}
	return nil
}

func (f Figures) told(name string) string {
	return fmt.Sprintf("%s: %s transactions a second, %s in %.1fs", name, report.Count(int(f.Throughput)), report.Plural(f.Blocks, "block"), f.Seconds)
}
