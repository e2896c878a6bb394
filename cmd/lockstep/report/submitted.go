package report

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Submitted is the JSON of what became of a submitted block. Height, outcomes
// and root are those of a committed block, else empty.
type Submitted struct {
	Block        string            `json:"block"`
	Height       uint64            `json:"height"`
	Decision     string            `json:"decision"` // committed, aborted or unknown
	Transactions int               `json:"transactions"`
	Outcomes     map[string]uint64 `json:"outcomes"`
	Root         string            `json:"root"`
	Reason       string            `json:"reason,omitempty"` // why not committed
}

// SubmittedOf gives the answer to a submission its JSON shape; b is nil unless
// the decision is committed.
func SubmittedOf(key, decision, reason string, transactions int, b *wirepb.Block) Submitted {
	return Submitted{
		Block: key, Height: b.GetHeight(), Decision: decision, Transactions: transactions,
		Outcomes: outcomeMap(b.GetOutcomeCounts()), Root: hex.EncodeToString(b.GetRoot()), Reason: reason,
	}
}

// Outcome is the JSON of what became of one transaction of a committed block.
type Outcome struct {
	Block   string `json:"block"`
	Index   int    `json:"index"` // place in the block, from 0
	ID      string `json:"id"`    // as in the file, or empty
	Outcome string `json:"outcome"`
}

// OutcomesOf spells the outcomes of a committed block's transactions, whose
// ids are given.
func OutcomesOf(b *wirepb.Block, ids []string) ([]Outcome, error) {
	names, codes := b.GetOutcomes().GetNames(), b.GetOutcomes().GetCodes()
	if len(codes) != len(ids) {
		return nil, fmt.Errorf("the coordinator gives %d outcomes for the %d transactions of block %q: is it of another version?", len(codes), len(ids), b.GetKey())
	}
	outcomes := make([]Outcome, len(ids))
	for i, code := range codes {
		if code == 0 || int(code) > len(names) {
			return nil, fmt.Errorf("the coordinator gives no outcome for transaction %d of block %q: is it of another version?", i, b.GetKey())
		}
		outcomes[i] = Outcome{Block: b.GetKey(), Index: i, ID: ids[i], Outcome: names[code-1]}
	}
	return outcomes, nil
}

// SubmittedTable prints what became of blocks for people.
type SubmittedTable struct{ table *Table }

// NewSubmittedTable makes a table that is empty.
func NewSubmittedTable() *SubmittedTable {
	return &SubmittedTable{NewTable(">height", "block", "decision", ">transactions", "outcomes")}
}

// Add adds a block.
func (t *SubmittedTable) Add(s Submitted) {
	height := "-"
	if s.Height > 0 {
		height = Count(s.Height)
	}
	t.table.Row(height, Fit(Printable(s.Block), blockColumns), s.Decision, Count(s.Transactions), strings.Join(outcomeLines(s.Outcomes), "\n"))
}

// WriteTo prints the table.
func (t *SubmittedTable) WriteTo(w io.Writer) (int64, error) { return t.table.WriteTo(w) }
