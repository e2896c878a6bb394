package protocol

import (
	"fmt"
	"maps"
	"slices"
)

// Outcomes every machine can have. A machine adds names of its own.
const (
	OutcomeApplied = "applied"
	OutcomeInvalid = "invalid" // undeclared access, malformed payload, over-long value
)

const (
	maxOutcomeNames     = 255
	maxOutcomeNameBytes = 64
)

// Outcomes holds what became of each transaction of a block or sub-block, one
// byte a transaction. The zero value has no transactions.
type Outcomes struct {
	// Names of the outcomes that occur, in the order of their first occurrence.
	Names []string
	// Codes has an entry per transaction: 0 for a transaction that this shard
	// does not execute, else 1 + the index into Names.
	Codes []uint8
}

// NewOutcomes makes room for n transactions, none of them executed.
func NewOutcomes(n int) Outcomes { return Outcomes{Codes: make([]uint8, n)} }

// Len is the number of transactions.
func (o Outcomes) Len() int { return len(o.Codes) }

// At gives the name of transaction i's outcome, or "" if it was not executed.
func (o Outcomes) At(i int) string {
	if c := o.Codes[i]; c != 0 {
		return o.Names[c-1]
	}
	return ""
}

// Set notes the outcome of transaction i. It fails when the name is empty or
// too long, or when there are more than 255 different names.
func (o *Outcomes) Set(i int, name string) error {
	at := slices.Index(o.Names, name)
	if at < 0 {
		if name == "" || len(name) > maxOutcomeNameBytes {
			return fmt.Errorf("outcome name of %d bytes, want 1 to %d", len(name), maxOutcomeNameBytes)
		}
		if len(o.Names) == maxOutcomeNames {
			return fmt.Errorf("more than %d different outcomes in a block", maxOutcomeNames)
		}
		o.Names = append(o.Names, name)
		at = len(o.Names) - 1
	}
	o.Codes[i] = uint8(at + 1) //nolint:G115 // at most maxOutcomeNames
	return nil
}

// Equal compares outcome by outcome; the order of Names does not matter.
func (o Outcomes) Equal(p Outcomes) bool {
	if len(o.Codes) != len(p.Codes) {
		return false
	}
	for i := range o.Codes {
		if o.At(i) != p.At(i) {
			return false
		}
	}
	return true
}

// Counts gives the number of transactions per outcome.
func (o Outcomes) Counts() map[string]int {
	var byCode [maxOutcomeNames + 1]int
	for _, c := range o.Codes {
		byCode[c]++
	}
	counts := make(map[string]int, len(o.Names))
	for i, name := range o.Names {
		if n := byCode[i+1]; n > 0 {
			counts[name] = n
		}
	}
	return counts
}

// SortedCounts gives Counts as sorted names, for output in a fixed order.
func SortedCounts(counts map[string]int) []string { return slices.Sorted(maps.Keys(counts)) }

// encode writes the names, then the codes as runs: a block of which every
// transaction was applied takes a few bytes.
func (o Outcomes) encode(w *encoder) {
	w.u8(uint8(len(o.Names))) //nolint:G115 // at most maxOutcomeNames
	for _, name := range o.Names {
		w.u8(uint8(len(name))) //nolint:G115 // at most maxOutcomeNameBytes
		w.raw([]byte(name))
	}
	w.u32(uint32(len(o.Codes)))
	for i := 0; i < len(o.Codes); {
		end := i + 1
		for end < len(o.Codes) && o.Codes[end] == o.Codes[i] {
			end++
		}
		w.u8(o.Codes[i])
		w.u32(uint32(end - i))
		i = end
	}
}

func decodeOutcomes(r *decoder, maxTransactions int) (o Outcomes) {
	names := int(r.u8())
	for range names {
		name := string(r.raw(int(r.u8())))
		if r.err == nil && (name == "" || len(name) > maxOutcomeNameBytes || slices.Contains(o.Names, name)) {
			r.fail("outcome name %q is empty, too long or there twice", name)
		}
		o.Names = append(o.Names, name)
	}
	n := r.count(int(r.u32()), maxTransactions, "outcomes")
	if r.err != nil {
		return Outcomes{}
	}
	o.Codes = make([]uint8, 0, n)
	for len(o.Codes) < n {
		code, run := r.u8(), int(r.u32())
		if r.err == nil && (int(code) > names || run == 0 || run > n-len(o.Codes)) {
			r.fail("outcome run of %d with code %d does not fit", run, code)
		}
		if r.err != nil {
			return Outcomes{}
		}
		for range run {
			o.Codes = append(o.Codes, code)
		}
	}
	return o
}

// EncodeOutcomes gives the fixed encoding used in records and messages.
func EncodeOutcomes(o Outcomes) []byte {
	var w encoder
	o.encode(&w)
	return w.buf
}

// DecodeOutcomes reads what EncodeOutcomes wrote, for at most maxTransactions.
func DecodeOutcomes(b []byte, maxTransactions int) (Outcomes, error) {
	r := decoder{buf: b}
	o := decodeOutcomes(&r, maxTransactions)
	return o, r.done("outcomes")
}
