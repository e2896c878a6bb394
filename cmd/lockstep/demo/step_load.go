package demo

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// load puts healthy load on the cluster and measures it.
func (d *demo) load(ctx context.Context) error {
	if d.file != nil {
		d.stage.heading("1. Healthy load: the blocks of %s, in order", d.options.Input)
		return d.measure(ctx, "blocks of the file", 1, d.file)
	}
	d.stage.heading("1. Healthy load: transfers between %s accounts, by %s", report.Count(d.options.Accounts), report.Plural(d.options.Clients, "client"))
	if err := d.measure(ctx, "opening balances", d.options.Clients, whileFilling{d.generator}); err != nil {
		return err
	}
	return d.measure(ctx, "transfers", d.options.Clients, until{d.generator, time.Now().Add(d.options.Load)})
}

// whileFilling gives the blocks that fill the accounts.
type whileFilling struct{ *generator }

func (w whileFilling) next() (block, error) {
	if !w.filling() {
		return block{}, io.EOF
	}
	return w.generator.next()
}

// until gives blocks until a time.
type until struct {
	source
	end time.Time
}

func (u until) next() (block, error) {
	if !time.Now().Before(u.end) {
		return block{}, io.EOF
	}
	return u.source.next()
}

// figures are what a load came to.
type figures struct {
	What         string  `json:"what"`
	Blocks       int     `json:"blocks"`
	Transactions int     `json:"transactions"`
	Throughput   float64 `json:"throughput_tps"`
	P50          float64 `json:"latency_ms_p50"`
	P99          float64 `json:"latency_ms_p99"`
}

// measurement is a load under way. It is safe for concurrent use.
type measurement struct {
	began time.Time

	mu           sync.Mutex
	source       source
	transactions int
	latencies    []time.Duration // of blocks
}

// measure submits all blocks of a source, by some clients at once, and shows
// what that came to.
func (d *demo) measure(ctx context.Context, what string, clients int, from source) error {
	f, err := d.measured(ctx, what, clients, from)
	if err != nil {
		return err
	}
	return d.showFigures(f)
}

func (d *demo) measured(ctx context.Context, what string, clients int, from source) (figures, error) {
	m := &measurement{began: time.Now(), source: from}
	group, ctx := errgroup.WithContext(ctx)
	for range clients {
		group.Go(func() error { return d.submitAll(ctx, m, what) })
	}
	if err := group.Wait(); err != nil {
		return figures{}, err
	}
	return m.figures(what), nil
}

func (d *demo) showFigures(f figures) error {
	t := report.NewTable(f.What, ">transactions", ">a second", ">latency p50", ">p99")
	t.Row(report.Plural(f.Blocks, "block"), report.Count(f.Transactions), report.Count(int(f.Throughput)), shownMs(f.P50), shownMs(f.P99))
	d.stage.table(t)
	return d.stage.result("load", f)
}

func (d *demo) submitAll(ctx context.Context, m *measurement, what string) error {
	for {
		b, err := m.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		a, err := d.book.submit(ctx, b)
		if err != nil {
			return err
		}
		transactions := m.add(b, a)
		d.stage.Progress("%s: height %s, %s, %s a second", what, report.Count(a.height),
			report.Plural(transactions, "transaction"), report.Count(int(float64(transactions)/time.Since(m.began).Seconds())))
	}
}

func (m *measurement) next() (block, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.source.next()
}

func (m *measurement) add(b block, a answer) (transactions int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.transactions += b.transactions
	m.latencies = append(m.latencies, a.took)
	return m.transactions
}

func (m *measurement) figures(what string) figures {
	slices.Sort(m.latencies)
	return figures{
		What: what, Blocks: len(m.latencies), Transactions: m.transactions,
		Throughput: float64(m.transactions) / time.Since(m.began).Seconds(),
		P50:        milliseconds(percentile(m.latencies, 50)), P99: milliseconds(percentile(m.latencies, 99)),
	}
}

// percentile picks from durations in ascending order; 0 if there are none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*p/100]
}

func shownMs(ms float64) string {
	return report.Duration(time.Duration(ms * float64(time.Millisecond)))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
