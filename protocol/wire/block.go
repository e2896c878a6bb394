package wire

import (
	"strings"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Block gives the header of a committed block, and the outcome of every
// transaction if they are asked for. The result aliases the decision.
func Block(d *protocol.Decision, withOutcomes bool) *wirepb.Block {
	b := &wirepb.Block{
		Height: uint64(d.Height()), Key: d.Key, BlockId: d.Block[:], Attempt: attemptOut(d.Attempt),
		Transactions: uint64(d.Outcomes.Len()), OutcomeCounts: OutcomeCounts(d.Outcomes),
		Root: d.Root[:], DecidedUnixMs: d.UnixMillis,
	}
	for i := range d.Digests {
		b.ShardDigests = append(b.ShardDigests, d.Digests[i][:])
	}
	if withOutcomes {
		b.Outcomes = Outcomes(d.Outcomes)
	}
	return b
}

// OutcomeCounts counts the outcomes that occur, sorted by name.
func OutcomeCounts(o protocol.Outcomes) (out []*wirepb.OutcomeCount) {
	counts := o.Counts()
	for _, name := range protocol.SortedCounts(counts) {
		out = append(out, &wirepb.OutcomeCount{Name: text(name), Count: uint64(counts[name])})
	}
	return out
}

// Outcomes gives the outcome of every transaction as a message, which aliases o.
func Outcomes(o protocol.Outcomes) *wirepb.Outcomes {
	out := &wirepb.Outcomes{Codes: o.Codes}
	for _, name := range o.Names {
		out.Names = append(out.Names, text(name))
	}
	return out
}

// OutcomeAt gives the name of a transaction's outcome, or "" if the message
// does not hold it. For clients, who need not trust what they got.
func OutcomeAt(o *wirepb.Outcomes, index int) string {
	codes, names := o.GetCodes(), o.GetNames()
	if index < 0 || index >= len(codes) || codes[index] == 0 || int(codes[index]) > len(names) {
		return ""
	}
	return names[codes[index]-1]
}

// text makes a machine's outcome name fit for a string of protobuf.
func text(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }

// Attempt gives an attempt as a message; nil for none.
func Attempt(a protocol.AttemptID) *wirepb.AttemptID { return attemptOut(a) }

// ParseAttempt reads an attempt from a peer. No attempt, or a zero in it, is
// refused with an error that wraps ErrMalformed.
func ParseAttempt(a *wirepb.AttemptID) (protocol.AttemptID, error) { return attemptIn("attempt", a) }
