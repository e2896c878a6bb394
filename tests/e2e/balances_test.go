package e2e

import (
	"encoding/hex"
	"math/big"
	"strings"

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
