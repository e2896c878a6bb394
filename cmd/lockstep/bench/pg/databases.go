package pg

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// schema of each database. Accounts leave room on their pages, so that an
// update need not touch the index.
const schema = `
CREATE TABLE account (name text COLLATE "C" PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE note (name text COLLATE "C" PRIMARY KEY, value bytea NOT NULL);`

// Bench is a server with one database per shard, filled.
type Bench struct {
	*Server
	slots    protocol.SlotTable
	accounts int
	supply   *big.Int // what the balances add up to
}

func database(shard int) string { return fmt.Sprintf("shard%d", shard) }

// Fill makes the databases, each with the accounts that live on its shard, and
// notes if there are reads.
func (s *Server) Fill(ctx context.Context, slots protocol.SlotTable, accounts int, notes bool) (b *Bench, err error) {
	b = &Bench{Server: s, slots: slots, accounts: accounts}
	b.supply = new(big.Int).Mul(big.NewInt(int64(accounts)), big.NewInt(workload.OpeningBalance))
	all, err := s.connect(ctx, superuser)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, all.Close(context.WithoutCancel(ctx))) }()
	for i := range slots.Shards() {
		if _, err := all.Exec(ctx, "CREATE DATABASE "+database(i)); err != nil {
			return nil, fmt.Errorf("make a database: %w", err)
		}
	}
	group, filling := errgroup.WithContext(ctx)
	for i := range slots.Shards() {
		group.Go(func() error { return b.fill(filling, protocol.ShardID(i), notes) })
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("fill the databases: %w", err)
	}
	if _, err := all.Exec(ctx, "CHECKPOINT"); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return b, err
}

func (b *Bench) fill(ctx context.Context, shard protocol.ShardID, notes bool) (err error) {
	c, err := b.connect(ctx, database(int(shard)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(context.WithoutCancel(ctx))) }()
	if _, err := c.Exec(ctx, schema, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	accounts := b.rows(shard, workload.AccountKey, func(i uint32) []any { return []any{workload.Account(i), int64(workload.OpeningBalance)} })
	if _, err := c.CopyFrom(ctx, pgx.Identifier{"account"}, []string{"name", "balance"}, accounts); err != nil {
		return err
	}
	if notes {
		key := func(i uint32) []byte { return ledger.ValueKey(workload.Note(i)) }
		rows := b.rows(shard, key, func(i uint32) []any { return []any{workload.Note(i), workload.NoteValue(i)} })
		if _, err := c.CopyFrom(ctx, pgx.Identifier{"note"}, []string{"name", "value"}, rows); err != nil {
			return err
		}
	}
	_, err = c.Exec(ctx, "VACUUM ANALYZE")
	return err
}

// rows gives those rows whose keys live on a shard.
func (b *Bench) rows(shard protocol.ShardID, key func(uint32) []byte, row func(uint32) []any) pgx.CopyFromSource {
	i := 0
	return pgx.CopyFromFunc(func() ([]any, error) {
		for ; i < b.accounts; i++ {
			if n := uint32(i); b.slots.Owner(key(n)) == shard {
				i++
				return row(n), nil
			}
		}
		return nil, nil
	})
}

// ownerOfAccount and ownerOfNote say which database has a row.
func (b *Bench) ownerOfAccount(i uint32) int { return int(b.slots.Owner(workload.AccountKey(i))) }
func (b *Bench) ownerOfNote(i uint32) int {
	return int(b.slots.Owner(ledger.ValueKey(workload.Note(i))))
}

// Check compares the sum of all balances with what was filled in.
func (b *Bench) Check(ctx context.Context) error {
	sum := new(big.Int)
	for i := range b.slots.Shards() {
		c, err := b.connect(ctx, database(i))
		if err != nil {
			return fmt.Errorf("connect to PostgreSQL: %w", err)
		}
		var text string
		err = c.QueryRow(ctx, "SELECT coalesce(sum(balance), 0)::text FROM account").Scan(&text)
		if err = errors.Join(err, c.Close(ctx)); err != nil {
			return fmt.Errorf("add up the balances in PostgreSQL: %w", err)
		}
		one, ok := new(big.Int).SetString(text, 10)
		if !ok {
			return fmt.Errorf("PostgreSQL says that balances add up to %q", text)
		}
		sum.Add(sum, one)
	}
	if sum.Cmp(b.supply) != 0 {
		return fmt.Errorf("the balances in PostgreSQL add up to %s, not to %s as before", sum, b.supply)
	}
	return nil
}
