package e2e

import (
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const accountPrefix = "account/"

// hexBalance spells a balance as a dump does.
func hexBalance(n *big.Int) string { return hex.EncodeToString(n.Bytes()) }

// accounts picks the balances out of a state.
func accounts(d cluster.Dump) cluster.Dump {
	picked := cluster.Dump{}
	for key, value := range d {
		if strings.HasPrefix(key, accountPrefix) {
			picked[key] = value
		}
	}
	return picked
}

// sum adds all balances up.
func sum(t *testing.T, d cluster.Dump) *big.Int {
	t.Helper()
	total := new(big.Int)
	for key, value := range accounts(d) {
		raw, err := hex.DecodeString(value)
		if err != nil {
			t.Fatalf("balance of %s: %v", key, err)
		}
		total.Add(total, new(big.Int).SetBytes(raw))
	}
	return total
}
