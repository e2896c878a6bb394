package ledger

import (
	"testing"

	"github.com/holiman/uint256"
)

func TestSupply(t *testing.T) {
	amount := *uint256.NewInt(7)
	for want, op := range map[string]Op{
		"7": Credit("a", amount), "-7": Debit("a", amount), "0": Transfer("a", "b", amount),
	} {
		if got := op.Supply().String(); got != want {
			t.Errorf("%v adds %s, want %s", op, got, want)
		}
	}
	if got := Put("k", []byte("v")).Supply().Sign(); got != 0 {
		t.Errorf("a put adds to the balances")
	}
}
