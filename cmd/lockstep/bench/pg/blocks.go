package pg

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
)

const (
	moveAll = `UPDATE account SET balance = account.balance + d.delta
FROM unnest($1::text[], $2::bigint[]) AS d (name, delta) WHERE account.name = d.name`
	lookAll = `SELECT count(note.value) FROM unnest($1::text[]) AS q (name) JOIN note ON note.name = q.name`
	// ahead is how many blocks are added up before they are needed.
	ahead = 4
)

// sums is what a block comes to on one database.
type sums struct {
	names  []string // of accounts, ascending
	deltas []int64  // by account; none is 0
	notes  []string // to look up
}

// Blocks runs each block as a whole, one after the other.
func (b *Bench) Blocks(ctx context.Context, t Task) (Result, error) {
	s, err := b.open(ctx, nil)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = s.close() }() // everything is committed by then
	done := 0
	return b.run(ctx, t, func(ctx context.Context, block func(int) workload.Block, blocks int, until time.Time, tell func(int, int)) (Result, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var r Result
		for next := range b.addUp(ctx, block, blocks) {
			if !time.Now().Before(until) {
				break
			}
			began := time.Now()
			done++
			if err := s.block(ctx, fmt.Sprintf("b%d", done), next.sums); err != nil {
				if ctx.Err() != nil {
					return Result{}, context.Cause(ctx)
				}
				return Result{}, fmt.Errorf("run a block on PostgreSQL: %w", err)
			}
			r.Blocks++
			r.Transactions += next.transactions
			r.Latencies = append(r.Latencies, time.Since(began))
			tell(r.Blocks, r.Transactions)
		}
		if ctx.Err() != nil {
			return Result{}, context.Cause(ctx)
		}
		return r, nil
	})
}

// added is a block that is added up.
type added struct {
	sums         []sums // by database
	transactions int
}

// addUp adds blocks up, a few ahead, until they are all done or ctx ends.
func (b *Bench) addUp(ctx context.Context, block func(int) workload.Block, blocks int) <-chan added {
	out := make(chan added, ahead)
	go func() {
		defer close(out)
		for i := range blocks {
			one := block(i)
			select {
			case out <- added{b.sumsOf(one.Actions), one.Transactions}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func (b *Bench) sumsOf(actions []workload.Action) []sums {
	all, deltas := make([]sums, b.slots.Shards()), map[uint32]int64{}
	for _, a := range actions {
		if a.Reads() {
			for _, note := range []uint32{a.From, a.To} {
				s := &all[b.ownerOfNote(note)]
				s.notes = append(s.notes, workload.Note(note))
			}
			continue
		}
		deltas[a.From] -= int64(a.Amount)
		deltas[a.To] += int64(a.Amount)
	}
	accounts := make([]uint32, 0, len(deltas))
	for account := range deltas {
		accounts = append(accounts, account)
	}
	slices.Sort(accounts)
	for _, account := range accounts {
		if delta := deltas[account]; delta != 0 {
			s := &all[b.ownerOfAccount(account)]
			s.names, s.deltas = append(s.names, workload.Account(account)), append(s.deltas, delta)
		}
	}
	return all
}

// block prepares what a block comes to on all databases at once, then commits
// it on all.
func (s session) block(ctx context.Context, name string, all []sums) error {
	var group errgroup.Group
	var changed []int
	for i, one := range all {
		if len(one.names) > 0 {
			changed = append(changed, i)
		}
		group.Go(func() error { return prepare(ctx, s[i], onServer(name, i), one) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return s.commit(ctx, name, changed...)
}

// prepare looks notes up, then changes accounts and leaves that prepared under
// a name.
func prepare(ctx context.Context, c *pgx.Conn, name string, s sums) error {
	if len(s.notes) > 0 {
		var found int
		if err := c.QueryRow(ctx, lookAll, s.notes).Scan(&found); err != nil {
			return err
		}
		if found != len(s.notes) {
			return fmt.Errorf("%d of %d notes are there", found, len(s.notes))
		}
	}
	if len(s.names) == 0 {
		return nil
	}
	if _, err := c.Exec(ctx, "BEGIN"); err != nil {
		return err
	}
	tag, err := c.Exec(ctx, moveAll, s.names, s.deltas)
	if err != nil {
		return err
	}
	if int(tag.RowsAffected()) != len(s.names) {
		return fmt.Errorf("%d of %d accounts were changed", tag.RowsAffected(), len(s.names))
	}
	return c.PgConn().Exec(ctx, "PREPARE TRANSACTION "+name).Close()
}
