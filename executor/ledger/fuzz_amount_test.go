package ledger

import (
	"math/big"
	"regexp"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

var decimal = regexp.MustCompile(`^[0-9]+$`)

// FuzzParseAmount: a text is an amount if it is digits, and of at most 256 bits; then
// it is that number.
func FuzzParseAmount(ff *testing.F) {
	f := fuzz.New(ff)
	for _, text := range []string{
		"0", "31337", "007", "-1", "+1", "1_000", "0x10", "1e3", " 1", "",
		"115792089237316195423570985008687907853269984665640564039457584007913129639935",
		"115792089237316195423570985008687907853269984665640564039457584007913129639936",
	} {
		f.Add(text)
	}
	f.Bound(64, 1<<17)
	f.Fuzz(func(t testing.TB, text string) {
		got, err := ParseAmount(text)
		if err != nil {
			if n, ok := new(big.Int).SetString(text, 10); ok && decimal.MatchString(text) && len(text) <= 78 && n.BitLen() <= 256 {
				t.Fatalf("%q is refused: %v", text, err)
			}
			return
		}
		if want, ok := new(big.Int).SetString(text, 10); !ok || !decimal.MatchString(text) || got.ToBig().Cmp(want) != 0 {
			t.Fatalf("%q is read as %s", text, got.Dec())
		}
	})
}
