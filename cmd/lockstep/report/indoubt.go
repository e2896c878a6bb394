package report

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// InDoubt is the JSON of a block in doubt.
type InDoubt struct {
	Height   uint64   `json:"height"`
	Block    string   `json:"block,omitempty"` // its key; absent if only a shard knows of it
	BlockID  string   `json:"block_id"`
	Epoch    uint64   `json:"epoch,omitempty"`   // of the attempt; absent if there is none
	Attempt  uint32   `json:"attempt,omitempty"` // likewise
	Phase    string   `json:"phase"`             // waiting, executing, voting, deciding, decided or given_up
	Prepared []uint32 `json:"prepared"`
	Missing  []uint32 `json:"missing"`
	AgeMs    uint64   `json:"age_ms"`
	Reason   string   `json:"reason"`
	Advice   string   `json:"advice"`
	ByItself bool     `json:"by_itself"` // it is settled without anybody doing anything
	Evidence string   `json:"evidence,omitempty"`
	Clients  uint32   `json:"clients"`
	// WithdrawnInMs is when it is withdrawn at the latest; absent if it is not.
	WithdrawnInMs *uint64 `json:"withdrawn_in_ms,omitempty"`
	Refusal       string  `json:"refusal,omitempty"`
}

// InDoubtOf gives a block in doubt its JSON shape. An answer without the block, nil,
// is one of which nothing is known.
func InDoubtOf(b *wirepb.InDoubt) InDoubt {
	if b == nil {
		b = &wirepb.InDoubt{}
	}
	return InDoubt{
		Height: b.GetHeight(), Block: b.GetKey(), BlockID: hex.EncodeToString(b.GetBlockId()), Epoch: b.GetAttempt().GetEpoch(), Attempt: b.GetAttempt().GetAttempt(),
		Phase: word(b.GetPhase().String(), "DOUBT_PHASE_"), Prepared: orEmpty(b.GetPrepared()), Missing: orEmpty(b.GetMissing()), AgeMs: b.GetAgeMs(),
		Reason: b.GetReason(), Advice: b.GetAdvice(), ByItself: b.GetByItself(), Evidence: hex.EncodeToString(b.GetEvidence()),
		Clients: b.GetClients(), WithdrawnInMs: b.WithdrawnInMs, Refusal: b.GetRefusal(),
	}
}

func orEmpty(list []uint32) []uint32 { return append([]uint32{}, list...) }

func (b InDoubt) attemptCell() string {
	if b.Attempt == 0 {
		return "-"
	}
	return fmt.Sprintf("%d.%d", b.Epoch, b.Attempt)
}

// Doubts is the JSON of all that is in doubt.
type Doubts struct {
	Epoch  uint64    `json:"epoch"`
	Height uint64    `json:"height"`
	Blocks []InDoubt `json:"blocks"`
	// Unseen tells what could not be looked at.
	Unseen []string `json:"unseen,omitempty"`
}

// Add takes a page in. Blocks younger than that are left out.
func (d *Doubts) Add(page *wirepb.ListInDoubtResponse, younger time.Duration) {
	d.Epoch, d.Height, d.Unseen = page.GetEpoch(), page.GetHeight(), page.GetUnseen()
	for _, b := range page.GetBlocks() {
		if b.GetAgeMs() >= uint64(younger.Milliseconds()) {
			d.Blocks = append(d.Blocks, InDoubtOf(b))
		}
	}
	slices.SortStableFunc(d.Blocks, func(a, b InDoubt) int { return cmp.Compare(b.AgeMs, a.AgeMs) })
}

// WriteTable prints it for people: a row for each, then why, and what to do.
func (d Doubts) WriteTable(w io.Writer) error {
	var out strings.Builder
	if len(d.Blocks) == 0 {
		fmt.Fprintf(&out, "nothing is in doubt, as far as %s\n", seenBy(d.Unseen))
	} else {
		t := NewTable(">height", "block", ">attempt", "phase", "prepared on", "missing", ">age")
		for _, b := range d.Blocks {
			t.Row(Count(b.Height), OrDash(Fit(Printable(b.Block), 32)), b.attemptCell(), Phrase(b.Phase), shardList(b.Prepared), shardList(b.Missing), ageText(b.AgeMs))
		}
		t.WriteTo(&out)
	}
	for _, group := range d.alike() {
		first, heights := group[0], Count(group[0].Height)
		if last := group[len(group)-1]; last.Height != first.Height {
			heights += " to " + Count(last.Height)
		}
		fmt.Fprintf(&out, "\n%s: %s\n  do: %s\n", heights, Printable(first.Reason), Printable(first.Advice))
	}
	for _, u := range d.Unseen {
		fmt.Fprintf(&out, "\n%s\n", Printable(u))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// alike groups neighbours that wait for the same, of which the first tells all: what
// frees it, or gives it up, does so for the others.
func (d Doubts) alike() (groups [][]InDoubt) {
	for _, b := range d.Blocks {
		if n := len(groups); n > 0 {
			if last := groups[n-1][len(groups[n-1])-1]; b.Height == last.Height+1 && b.Phase == last.Phase && b.Reason == last.Reason {
				groups[n-1] = append(groups[n-1], b)
				continue
			}
		}
		groups = append(groups, []InDoubt{b})
	}
	return groups
}

func seenBy(unseen []string) string {
	if len(unseen) > 0 {
		return "could be seen"
	}
	return "the coordinator and all shards know"
}

func ageText(ms uint64) string { return Duration(time.Duration(ms) * time.Millisecond) }

// Act is the JSON of what was done for an operator.
type Act struct {
	At       string `json:"at"` // by the coordinator's clock
	By       string `json:"by"`
	Action   string `json:"action"` // resync, retry or abort
	Height   uint64 `json:"height"`
	Block    string `json:"block"`
	Epoch    uint64 `json:"epoch,omitempty"`
	Attempt  uint32 `json:"attempt,omitempty"`
	What     string `json:"what"`
	Comment  string `json:"comment,omitempty"`
	Evidence string `json:"evidence"`
}

// ActOf gives an act its JSON shape.
func ActOf(r *wirepb.Resolved) Act {
	return Act{
		At: time.UnixMilli(int64(r.GetUnixMs())).UTC().Format(time.RFC3339), By: r.GetBy(), Action: word(r.GetAction().String(), "RESOLVE_ACTION_"),
		Height: r.GetHeight(), Block: r.GetKey(), Epoch: r.GetAttempt().GetEpoch(), Attempt: r.GetAttempt().GetAttempt(),
		What: r.GetWhat(), Comment: r.GetComment(), Evidence: hex.EncodeToString(r.GetEvidence()),
	}
}

// Acts are acts of operators.
type Acts []Act

// WriteTable prints them for people.
func (all Acts) WriteTable(w io.Writer) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no operator has resolved anything")
		return err
	}
	t := NewTable("at", "by", "action", ">height", "block", "what", "comment")
	for _, a := range all {
		t.Row(a.At, Printable(a.By), a.Action, Count(a.Height), Fit(Printable(a.Block), 32), Printable(a.What), OrDash(Printable(a.Comment)))
	}
	_, err := t.WriteTo(w)
	return err
}
