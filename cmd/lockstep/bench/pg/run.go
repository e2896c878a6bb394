package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
)

// Task is what to run and measure.
type Task struct {
	Warm   []workload.Block         // before the measurement
	Block  func(int) workload.Block // by number, from 0
	Blocks int
	Most   time.Duration                  // after which no more is begun
	Tell   func(blocks, transactions int) // how it goes on; called from one goroutine at a time
}

// Result is what a measurement came to.
type Result struct {
	Blocks       int // begun
	Transactions int
	Elapsed      time.Duration
	Latencies    []time.Duration // of transactions, or of blocks
	Used         *measure.Usage  // by the server; nil if the system does not tell
}

// form is one way to run blocks: it runs numbers from 0, at most so many, until
// a time.
type form func(ctx context.Context, block func(int) workload.Block, blocks int, until time.Time, tell func(blocks, transactions int)) (Result, error)

// run warms up and measures.
func (b *Bench) run(ctx context.Context, t Task, f form) (Result, error) {
	quiet := func(int, int) {}
	warm := func(i int) workload.Block { return t.Warm[i] }
	if _, err := f(ctx, warm, len(t.Warm), time.Now().Add(t.Most), quiet); err != nil {
		return Result{}, err
	}
	before, beforeErr := b.Usage()
	began := time.Now()
	r, err := f(ctx, t.Block, t.Blocks, began.Add(t.Most), t.Tell)
	if err != nil {
		return Result{}, err
	}
	r.Elapsed = time.Since(began)
	if after, err := b.Usage(); err == nil && beforeErr == nil {
		used := after.Sub(before)
		r.Used = &used
	}
	return r, b.Check(ctx)
}

// session is a connection to every database.
type session []*pgx.Conn

// open connects to all databases and prepares statements.
func (b *Bench) open(ctx context.Context, statements map[string]string) (s session, err error) {
	for i := range b.slots.Shards() {
		c, err := b.connect(ctx, database(i))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("connect to PostgreSQL: %w", err), s.close())
		}
		s = append(s, c)
		for name, text := range statements {
			if _, err := c.Prepare(ctx, name, text); err != nil {
				return nil, errors.Join(fmt.Errorf("prepare a statement: %w", err), s.close())
			}
		}
	}
	return s, nil
}

// close closes the connections, also when the run was interrupted.
func (s session) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var all error
	for _, c := range s {
		all = errors.Join(all, c.Close(ctx))
	}
	return all
}
