package demo

import (
	"context"
	"fmt"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// settled is what became of a block, for programs.
type settled struct {
	Block  string `json:"block"`
	Height uint64 `json:"height"`
	Tries  int    `json:"tries"`
	TookMs int64  `json:"took_ms"`
}

// settle waits until the clients have their answers and all shards are level,
// asks for every answer once more, and shows them.
func (d *demo) settle(ctx context.Context, step string, flights []*flight) error {
	height := uint64(0)
	t := report.NewTable(">height", "block", "answer", ">tries", ">after", "asked again")
	var all []settled
	if _, err := d.await(ctx, "every client is answered", func(view) bool { return landed(flights) }); err != nil {
		return err
	}
	for _, f := range flights {
		if err := f.land(); err != nil {
			return err
		}
		again, err := d.book.submit(ctx, f.block)
		if err != nil {
			return err
		}
		height = max(height, f.answer.height)
		t.Row(report.Count(f.answer.height), report.Fit(report.Printable(f.key), 28), "committed", f.answer.tries, report.Duration(f.answer.took),
			fmt.Sprintf("the same, height %s", report.Count(again.height)))
		all = append(all, settled{f.key, f.answer.height, f.answer.tries, f.answer.took.Milliseconds()})
	}
	v, err := d.await(ctx, fmt.Sprintf("all shards have committed height %d", height), func(v view) bool { return v.level(height) })
	if err != nil {
		return err
	}
	d.stage.Say("committed everywhere: all %s at height %s, nothing is prepared or in flight any more", count(len(v.shards), "shard"), report.Count(v.cluster.Height))
	d.stage.table(t)
	return d.stage.result(step, all)
}

func landed(flights []*flight) bool {
	for _, f := range flights {
		if !f.down() {
			return false
		}
	}
	return true
}

func accountKey(i int) []byte { return ledger.AccountKey(account(i)) }

// shownBalance shows a value, which most often is a balance.
func shownBalance(v *wirepb.Value) string {
	if !v.GetFound() {
		return "absent"
	}
	b, err := ledger.Balance(v.GetValue())
	if err != nil {
		return fmt.Sprintf("%d bytes", len(v.GetValue()))
	}
	return b.Dec()
}
