package ledger

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/executor/machinetest"
	"github.com/lockstep-exec/lockstep/protocol"
)

// TestMachineKeepsTheRules: all that executor.Machine asks for, and whatever a client
// sends, a balance stays one.
func TestMachineKeepsTheRules(t *testing.T) {
	transaction := rapid.Custom(func(t *rapid.T) protocol.Transaction {
		var ops []Op
		for range rapid.IntRange(1, 4).Draw(t, "operations") {
			ops = append(ops, drawOp(t).op())
		}
		transaction, err := NewTransaction(ops...)
		if err != nil {
			t.Fatal(err)
		}
		return transaction
	})
	machinetest.Check(t, Machine{}, transaction, machinetest.Invariant(func(state map[string][]byte) error {
		for key, value := range state {
			if !strings.HasPrefix(key, accountPrefix) {
				continue
			}
			if balance, err := Balance(value); err != nil || balance.IsZero() {
				return fmt.Errorf("%q holds %x, which is no balance to store: %v", key, value, err)
			}
		}
		return nil
	}))
}
