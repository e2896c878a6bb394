package report

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Values is the JSON of keys that were read at one height.
type Values struct {
	Height uint64  `json:"height"`
	Shard  *uint32 `json:"shard,omitempty"` // the one that was asked, if one was
	Values []Value `json:"values"`
}

// Value is the JSON of one key that was read.
type Value struct {
	Key     string  `json:"key"`
	Found   bool    `json:"found"`
	Value   string  `json:"value"`             // in hex
	Balance *string `json:"balance,omitempty"` // decimal, if the key is an account's
}

// ValuesOf joins keys with the values that were read for them.
func ValuesOf(height uint64, keys []string, values []*wirepb.Value) Values {
	v := Values{Height: height, Values: make([]Value, len(keys))}
	for i, key := range keys {
		v.Values[i] = Value{Key: key, Found: values[i].GetFound(), Value: hex.EncodeToString(values[i].GetValue()), Balance: balance(key, values[i])}
	}
	return v
}

// balance reads an account's balance. An account that is not there has 0; nil
// means that the key is no account's, or the value no balance.
func balance(key string, v *wirepb.Value) *string {
	if !isAccount(key) {
		return nil
	}
	text := "0"
	if v.GetFound() {
		amount, err := ledger.Balance(v.GetValue())
		if err != nil {
			return nil
		}
		text = amount.Dec()
	}
	return &text
}

func isAccount(key string) bool {
	name, ok := strings.CutPrefix(key, string(ledger.AccountKey("")))
	return ok && name != ""
}

// Widths that leave room for a key of 14 columns in 80. Whole balances of 10^39
// fit; nobody reads longer values in a table.
const (
	valueColumns = 40
	hexColumns   = 22
)

// WriteTable prints the values for people.
func (v Values) WriteTable(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n\n", v.head())
	t, cut, lost := NewTable("key", "value", "hex"), false, false
	for _, value := range v.Values {
		text, hex := value.cells()
		t.Row(Printable(value.Key), Fit(text, valueColumns), Fit(hex, hexColumns))
		cut = cut || utf8.RuneCountInString(text) > valueColumns || len(hex) > hexColumns
		lost = lost || !value.Found && !hasKnownPrefix(value.Key)
	}
	t.WriteTo(&out)
	if cut {
		out.WriteString("\nLong values are cut: -o json has them whole.\n")
	}
	if lost {
		out.WriteString("\nKeys of the state begin with account/ or kv/.\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (v Values) head() string {
	if v.Shard != nil {
		return fmt.Sprintf("as of height %s, committed on shard %d", Count(v.Height), *v.Shard)
	}
	return fmt.Sprintf("as of height %s", Count(v.Height))
}

// cells gives the value for people, and in hex where that adds something.
func (v Value) cells() (text, hexadecimal string) {
	raw, _ := hex.DecodeString(v.Value)
	switch {
	case !v.Found && v.Balance != nil:
		return "0 (no such account)", ""
	case !v.Found:
		return "not found", ""
	case v.Balance != nil:
		return *v.Balance, v.Value
	case len(raw) == 0:
		return "(empty)", ""
	case cli.IsText(string(raw)):
		return string(raw), ""
	}
	return "(bytes)", v.Value
}

func hasKnownPrefix(key string) bool {
	return strings.HasPrefix(key, string(ledger.AccountKey(""))) || strings.HasPrefix(key, string(ledger.ValueKey("")))
}
