package report

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Block is the JSON of a committed block.
type Block struct {
	Height       uint64            `json:"height"`
	Block        string            `json:"block"`
	BlockID      string            `json:"block_id"`
	Epoch        uint64            `json:"epoch"`
	Attempt      uint32            `json:"attempt"`
	Transactions uint64            `json:"transactions"`
	Outcomes     map[string]uint64 `json:"outcomes"`
	Digests      []string          `json:"digests"` // by shard
	Root         string            `json:"root"`
	DecidedAt    string            `json:"decided_at,omitempty"` // RFC 3339; for people, clocks may go back
}

// BlockOf gives a block its JSON shape.
func BlockOf(b *wirepb.Block) Block {
	out := Block{
		Height: b.GetHeight(), Block: b.GetKey(), BlockID: hex.EncodeToString(b.GetBlockId()),
		Epoch: b.GetAttempt().GetEpoch(), Attempt: b.GetAttempt().GetAttempt(),
		Transactions: b.GetTransactions(), Outcomes: outcomeMap(b.GetOutcomeCounts()),
		Digests: make([]string, len(b.GetShardDigests())), Root: hex.EncodeToString(b.GetRoot()),
	}
	for i, d := range b.GetShardDigests() {
		out.Digests[i] = hex.EncodeToString(d)
	}
	if ms := b.GetDecidedUnixMs(); ms > 0 {
		out.DecidedAt = time.UnixMilli(int64(ms)).UTC().Format(time.RFC3339Nano)
	}
	return out
}

func outcomeMap(counts []*wirepb.OutcomeCount) map[string]uint64 {
	m := make(map[string]uint64, len(counts))
	for _, c := range counts {
		m[c.GetName()] += c.GetCount()
	}
	return m
}

// BlockTable prints committed blocks for people.
type BlockTable struct{ table *Table }

// NewBlockTable makes a table that is empty.
func NewBlockTable() *BlockTable {
	return &BlockTable{NewTable(">height", "block", ">transactions", "outcomes", "root")}
}

// Add adds a block.
func (t *BlockTable) Add(b Block) {
	t.table.Row(Count(b.Height), Fit(Printable(b.Block), blockColumns), Count(b.Transactions),
		strings.Join(outcomeLines(b.Outcomes), "\n"), short(b.Root))
}

// WriteTo prints the table.
func (t *BlockTable) WriteTo(w io.Writer) (int64, error) { return t.table.WriteTo(w) }

// blockColumns is how much of a block key a table shows.
const blockColumns = 20

// WriteDetails prints everything about one block for people.
func (b Block) WriteDetails(w io.Writer) error {
	var out strings.Builder
	line := func(name string, value any) { fmt.Fprintf(&out, "%-13s %v\n", name, value) }
	line("height", Count(b.Height))
	line("block", Printable(b.Block))
	line("block id", b.BlockID)
	line("attempt", fmt.Sprintf("%d.%d", b.Epoch, b.Attempt))
	line("transactions", Count(b.Transactions))
	line("outcomes", OutcomeText(b.Outcomes))
	if b.DecidedAt != "" {
		line("decided", b.DecidedAt)
	}
	line("root", b.Root)
	for i, d := range b.Digests {
		line(fmt.Sprintf("digest %d", i), d)
	}
	_, err := io.WriteString(w, out.String())
	return err
}
