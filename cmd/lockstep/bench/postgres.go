package bench

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/pg"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
)

// postgresForm is one of the two ways to run blocks on PostgreSQL.
type postgresForm func(*pg.Bench, context.Context, pg.Task) (pg.Result, error)

// measurePostgres runs the blocks on a server of its own.
func (b *bench) measurePostgres(ctx context.Context, dir string, t task, form postgresForm) (f Figures, err error) {
	if err := b.space.open(); err != nil {
		return f, err
	}
	s, err := pg.Start(ctx, b.postgres, dir, pg.Connections(t.config.Slots.Shards()))
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	o := b.options.Workload
	filled, err := s.Fill(ctx, t.config.Slots, o.Accounts, o.Kind == workload.ReadMostly)
	if err != nil {
		return f, err
	}
	r, err := form(filled, ctx, pg.Task{Warm: t.warm, Block: t.at, Blocks: t.blocks, Most: t.most, Tell: t.tell})
	if err != nil {
		return f, err
	}
	f = figuresOf(r.Blocks, r.Transactions, r.Elapsed, r.Latencies)
	if r.Used != nil {
		f.used(*r.Used)
	}
	return f, nil
}

// open lets another user, as which PostgreSQL runs if this process is root,
// pass through the directory, without seeing what is in it.
func (w *workspace) open() error {
	if os.Geteuid() != 0 {
		return nil
	}
	if err := os.Chmod(w.dir, 0o711); err != nil { //nolint:G302 // that user has to pass; without r it cannot list
		return fmt.Errorf("let the user of PostgreSQL pass: %w", err)
	}
	return nil
}
