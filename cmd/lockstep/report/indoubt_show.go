package report

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Held is the JSON of an attempt in the log of a shard.
type Held struct {
	Height        uint64            `json:"height"`
	Epoch         uint64            `json:"epoch"`
	Attempt       uint32            `json:"attempt"`
	BlockID       string            `json:"block_id"`
	StateDigest   string            `json:"state_digest"` // after the block
	Transactions  uint64            `json:"transactions"`
	Outcomes      map[string]uint64 `json:"outcomes"`
	WritesBytes   uint64            `json:"writes_bytes"`
	PreparedAt    string            `json:"prepared_at"`
	AgeMs         uint64            `json:"age_ms"`
	LogSequence   uint64            `json:"log_sequence"`
	BeforeRestart bool              `json:"before_restart"` // of the shard
}

func heldOf(p *wirepb.PreparedEvidence) Held {
	return Held{
		Height: p.GetAttempt().GetHeight(), Epoch: p.GetAttempt().GetEpoch(), Attempt: p.GetAttempt().GetAttempt(), BlockID: hex.EncodeToString(p.GetBlockId()),
		StateDigest: hex.EncodeToString(p.GetStateDigest()), Transactions: p.GetTransactions(), Outcomes: outcomeMap(p.GetOutcomeCounts()),
		WritesBytes: p.GetWritesBytes(), PreparedAt: time.UnixMilli(int64(p.GetPreparedUnixMs())).UTC().Format(time.RFC3339Nano), AgeMs: p.GetAgeMs(),
		LogSequence: p.GetLogSequence(), BeforeRestart: p.GetBeforeRestart(),
	}
}

// Promises is the JSON of what one shard has prepared.
type Promises struct {
	Shard    uint32 `json:"shard"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
	Height   uint64 `json:"committed_height"`
	Prepared []Held `json:"prepared"`
}

// PromisesOf gives what a shard has prepared its JSON shape.
func PromisesOf(r *wirepb.ShardServiceListPreparedResponse) Promises {
	s := r.GetStatus()
	all := Promises{Shard: s.GetId(), State: stateName(s.GetState()), Reason: s.GetReason(), Height: s.GetCommittedHeight(), Prepared: []Held{}}
	for _, p := range r.GetPrepared() {
		all.Prepared = append(all.Prepared, heldOf(p))
	}
	return all
}

// WriteTable prints it for people.
func (p Promises) WriteTable(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "shard %d, %s, committed height %s\n", p.Shard, Phrase(p.State), Count(p.Height))
	if p.Reason != "" {
		fmt.Fprintln(&out, Printable(p.Reason))
	}
	if len(p.Prepared) == 0 {
		fmt.Fprintln(&out, "\nnothing is prepared here")
	} else {
		out.WriteByte('\n')
		t := NewTable(">height", ">attempt", "block id", "state digest", ">writes", ">log", "before restart", ">age")
		for _, h := range p.Prepared {
			t.Row(Count(h.Height), fmt.Sprintf("%d.%d", h.Epoch, h.Attempt), short(h.BlockID), short(h.StateDigest), Bytes(h.WritesBytes), Count(h.LogSequence), yesNo(h.BeforeRestart), ageText(h.AgeMs))
		}
		t.WriteTo(&out)
		fmt.Fprintln(&out, "\nthe shard keeps this until a coordinator tells it the decision, and nothing here can tell what that is")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// Evidence is the JSON of what there is to know of one shard and one block.
type Evidence struct {
	Shard       uint32    `json:"shard"`
	State       string    `json:"state"` // as the coordinator sees it
	Reason      string    `json:"reason,omitempty"`
	AwayMs      *uint64   `json:"away_ms,omitempty"`
	Voted       bool      `json:"voted"` // and the coordinator counts it
	VotedDigest string    `json:"voted_digest,omitempty"`
	Own         *Promises `json:"own,omitempty"` // what the shard itself says
	Silent      string    `json:"silent,omitempty"`
}

// Possibility is the JSON of what can become of a block.
type Possibility struct {
	Name     string `json:"name"`
	Possible bool   `json:"possible"`
	Meaning  string `json:"meaning"`
}

// Doubt is the JSON of all the evidence about one block.
type Doubt struct {
	InDoubt
	CoordinatorEpoch  uint64        `json:"coordinator_epoch"`
	CoordinatorHeight uint64        `json:"coordinator_height"`
	Decision          *Block        `json:"decision,omitempty"`
	Shards            []Evidence    `json:"shards"`
	Possibilities     []Possibility `json:"possibilities"`
}

// DoubtOf gives the evidence its JSON shape.
func DoubtOf(r *wirepb.ShowInDoubtResponse) Doubt {
	d := Doubt{InDoubt: InDoubtOf(r.GetBlock()), CoordinatorEpoch: r.GetEpoch(), CoordinatorHeight: r.GetHeight()}
	if r.GetDecision() != nil {
		b := BlockOf(r.GetDecision())
		d.Decision = &b
	}
	for _, e := range r.GetShards() {
		one := Evidence{
			Shard: e.GetSeen().GetId(), State: stateName(e.GetSeen().GetState()), Reason: e.GetSeen().GetReason(), AwayMs: e.AwayMs,
			Voted: e.GetVoted(), VotedDigest: hex.EncodeToString(e.GetVotedDigest()), Silent: e.GetSilent(),
		}
		if e.GetOwn() != nil {
			own := PromisesOf(e.GetOwn())
			one.Own = &own
		}
		d.Shards = append(d.Shards, one)
	}
	for _, p := range r.GetPossibilities() {
		d.Possibilities = append(d.Possibilities, Possibility{p.GetName(), p.GetPossible(), p.GetMeaning()})
	}
	return d
}

// WriteDetails prints it for people.
func (d Doubt) WriteDetails(w io.Writer) error {
	var out strings.Builder
	line := func(name string, value any) { fmt.Fprintf(&out, "%-12s %v\n", name, value) }
	line("height", Count(d.Height))
	line("block", OrDash(Printable(d.Block)))
	line("block id", d.BlockID)
	line("attempt", d.attemptCell())
	line("phase", Phrase(d.Phase))
	line("age", ageText(d.AgeMs))
	line("clients", Plural(d.Clients, "client")+d.deadlineText())
	line("reason", Printable(d.Reason))
	line("do", Printable(d.Advice))
	line("by itself", yesNo(d.ByItself))
	if d.InDoubt.Evidence != "" {
		line("evidence", d.InDoubt.Evidence)
	}
	line("coordinator", fmt.Sprintf("epoch %d, decided up to height %s", d.CoordinatorEpoch, Count(d.CoordinatorHeight)))
	if d.Decision != nil {
		line("decided", fmt.Sprintf("attempt %d.%d, root %s", d.Decision.Epoch, d.Decision.Attempt, d.Decision.Root))
	}
	for _, e := range d.Shards {
		e.write(&out)
	}
	out.WriteByte('\n')
	for _, p := range d.Possibilities {
		fmt.Fprintf(&out, "%s (%s): %s\n", Printable(p.Name), possibleText(p.Possible), Printable(p.Meaning))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (d Doubt) deadlineText() string {
	if d.WithdrawnInMs == nil {
		return ""
	}
	return ", withdrawn in " + ageText(*d.WithdrawnInMs)
}

func possibleText(possible bool) string {
	if possible {
		return "possible"
	}
	return "not possible"
}

// write prints what the coordinator has of a shard, and what the shard has.
func (e Evidence) write(out *strings.Builder) {
	fmt.Fprintf(out, "\nshard %d: %s", e.Shard, Phrase(e.State))
	if e.AwayMs != nil {
		fmt.Fprintf(out, " for %s", ageText(*e.AwayMs))
	}
	if e.Reason != "" {
		fmt.Fprintf(out, ", %s", Printable(e.Reason))
	}
	out.WriteByte('\n')
	switch {
	case e.Voted:
		fmt.Fprintf(out, "  coordinator  has its vote, with digest %s\n", e.VotedDigest)
	default:
		fmt.Fprintf(out, "  coordinator  has no vote of it\n")
	}
	switch {
	case e.Silent != "":
		fmt.Fprintf(out, "  shard        %s\n", Printable(e.Silent))
	case e.Own == nil || len(e.Own.Prepared) == 0:
		fmt.Fprintf(out, "  shard        holds nothing prepared at this height; it has committed height %s\n", Count(e.committed()))
	default:
		for _, h := range e.Own.Prepared {
			fmt.Fprintf(out, "  shard        holds attempt %d.%d prepared since %s (%s), record %s of its log\n", h.Epoch, h.Attempt, h.PreparedAt, ageText(h.AgeMs), Count(h.LogSequence))
			fmt.Fprintf(out, "               digest %s, %s of writes, %s: %s\n", h.StateDigest, Bytes(h.WritesBytes), Plural(h.Transactions, "transaction"), OutcomeText(h.Outcomes))
		}
	}
}

func (e Evidence) committed() uint64 {
	if e.Own == nil {
		return 0
	}
	return e.Own.Height
}
