package e2e

import (
	"fmt"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// The same real blocks on clusters of every size: what the chain says comes
// out, and the same on all of them (invariant 6).
func TestRealBlocks(t *testing.T) {
	ledger, accesses := realBlocks(t)
	sizes := []int{1, 2, 4, 7}
	if testing.Short() {
		sizes = []int{1, 4}
	}
	var first cluster.Dump
	for _, shards := range sizes {
		t.Run(fmt.Sprintf("%d shards", shards), func(t *testing.T) {
			state := runRealBlocks(t, shards, ledger, accesses)
			if first == nil {
				first = state
			}
			cluster.WantSame(t, "state compared with the smallest cluster's", state, first)
		})
	}
}

// runRealBlocks submits both files, twice, and gives the state.
func runRealBlocks(t *testing.T, shards int, ledger, accesses string) cluster.Dump {
	c := start(t, shards)
	wantAllApplied(t, submit(t, c, ledger), ledgerTransactions)
	wantAllApplied(t, submit(t, c, accesses), accessesTransactions)
	c.AwaitReady()
	answers, height := submit(t, c, ledger, accesses), c.Height()
	c.StopAll()
	state := c.Dump()
	wantRealBalances(t, state)

	c.StartAll()
	c.AwaitReady()
	if again := submit(t, c, ledger, accesses); again != answers {
		t.Error("submitting again gives other answers")
	}
	if h := c.Height(); h != height {
		t.Errorf("submitting again brings height %d to %d", height, h)
	}
	c.AwaitReady()
	c.StopAll()
	cluster.WantSame(t, "submitting again", c.Dump(), state)
	return state
}
