package pg

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
)

// workers is how many clients run transactions at the same time, each with a
// connection to every database: enough for commits to share syncs. On two cores
// 32 brought twice as much as 8, and 64 hardly more.
const workers = 32

// Connections is what a server must allow for so many databases.
func Connections(databases int) int { return workers * databases }

// statements of a worker.
var statements = map[string]string{
	"begin":  "BEGIN",
	"commit": "COMMIT",
	"debit":  "UPDATE account SET balance = balance - $2::bigint WHERE name = $1 AND balance >= $2::bigint",
	"credit": "UPDATE account SET balance = balance + $2::bigint WHERE name = $1",
	"look":   "SELECT value FROM note WHERE name = $1",
}

// Transactions runs the actions of blocks as transactions of their own, many
// at the same time.
func (b *Bench) Transactions(ctx context.Context, t Task) (Result, error) {
	all := make([]*worker, workers)
	for i := range all {
		s, err := b.open(ctx, statements)
		if err != nil {
			return Result{}, err
		}
		defer func() { _ = s.close() }() // everything is committed by then
		all[i] = &worker{bench: b, session: s, name: i}
	}
	return b.run(ctx, t, func(ctx context.Context, block func(int) workload.Block, blocks int, until time.Time, tell func(int, int)) (Result, error) {
		q := &queue{block: block, blocks: blocks, until: until, tell: tell}
		group, ctx := errgroup.WithContext(ctx)
		for _, w := range all {
			w.latencies = nil
			group.Go(func() error { return w.work(ctx, q) })
		}
		if err := group.Wait(); err != nil {
			return Result{}, err
		}
		r := Result{Blocks: q.begun, Transactions: q.given}
		for _, w := range all {
			r.Latencies = append(r.Latencies, w.latencies...)
		}
		return r, nil
	})
}

// queue hands out the actions of blocks in order. It is safe for concurrent use.
type queue struct {
	block  func(int) workload.Block
	blocks int
	until  time.Time
	tell   func(blocks, transactions int)

	mu    sync.Mutex
	begun int               // blocks
	rest  []workload.Action // of the last one
	given int
}

// take gives the next action, until there are none or the time is over.
func (q *queue) take() (workload.Action, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !time.Now().Before(q.until) {
		return workload.Action{}, false
	}
	if len(q.rest) == 0 {
		if q.begun == q.blocks {
			return workload.Action{}, false
		}
		q.rest = q.block(q.begun).Actions
		q.begun++
	}
	a := q.rest[0]
	q.rest = q.rest[1:]
	q.given++
	q.tell(q.begun, q.given)
	return a, true
}

// worker runs one transaction after the other.
type worker struct {
	bench     *Bench
	session   session
	name      int
	prepared  int // transactions, for names that are used once
	latencies []time.Duration
}

func (w *worker) work(ctx context.Context, q *queue) error {
	for {
		a, more := q.take()
		if !more {
			return nil
		}
		began := time.Now()
		if err := w.run(ctx, a); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("run a transaction on PostgreSQL: %w", err)
		}
		w.latencies = append(w.latencies, time.Since(began))
	}
}

func (w *worker) run(ctx context.Context, a workload.Action) error {
	if a.Reads() {
		return errors.Join(w.look(ctx, a.From), w.look(ctx, a.To))
	}
	first := step{"debit", a.From, a.Amount}
	second := step{"credit", a.To, a.Amount}
	from, to := w.bench.ownerOfAccount(a.From), w.bench.ownerOfAccount(a.To)
	if to < from || to == from && a.To < a.From { // one order everywhere
		first, second, from, to = second, first, to, from
	}
	if from == to {
		return w.send(ctx, from, "", first, second)
	}
	w.prepared++
	name := fmt.Sprintf("w%d-%d", w.name, w.prepared)
	if err := w.send(ctx, from, name, first); err != nil {
		return err
	}
	if err := w.send(ctx, to, name, second); err != nil {
		return err
	}
	return w.session.commit(ctx, name, from, to)
}

// step is one update.
type step struct {
	statement string
	account   uint32
	amount    uint32
}

// send runs updates on one database in one go, and ends the transaction: it is
// prepared under a name, or committed if there is none.
func (w *worker) send(ctx context.Context, database int, name string, steps ...step) error {
	batch := &pgconn.Batch{}
	batch.ExecPrepared("begin", nil, nil, nil)
	for _, s := range steps {
		batch.ExecPrepared(s.statement, [][]byte{[]byte(workload.Account(s.account)), strconv.AppendUint(nil, uint64(s.amount), 10)}, nil, nil)
	}
	if name == "" {
		batch.ExecPrepared("commit", nil, nil, nil)
	} else {
		batch.ExecParams("PREPARE TRANSACTION "+onServer(name, database), nil, nil, nil, nil)
	}
	results, err := w.session[database].PgConn().ExecBatch(ctx, batch).ReadAll()
	if err != nil {
		return err
	}
	for i, s := range steps {
		if n := results[1+i].CommandTag.RowsAffected(); n != 1 {
			return fmt.Errorf("a %s of %d changed %d accounts", s.statement, s.amount, n)
		}
	}
	return nil
}

func (w *worker) look(ctx context.Context, note uint32) error {
	c := w.session[w.bench.ownerOfNote(note)]
	r := c.PgConn().ExecPrepared(ctx, "look", [][]byte{[]byte(workload.Note(note))}, nil, nil).Read()
	if r.Err == nil && len(r.Rows) != 1 {
		return fmt.Errorf("there are %d notes of one name", len(r.Rows))
	}
	return r.Err
}

// commit commits what is prepared under a name on some databases, all at once.
func (s session) commit(ctx context.Context, name string, databases ...int) error {
	var group errgroup.Group
	for _, database := range databases {
		group.Go(func() error {
			return s[database].PgConn().Exec(ctx, "COMMIT PREPARED "+onServer(name, database)).Close()
		})
	}
	return group.Wait()
}

// onServer makes a name that no other database has, as a literal: prepared
// transactions of all databases share one space of names.
func onServer(name string, database int) string { return fmt.Sprintf("'%s-%d'", name, database) }
