package ledger_test

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

func Example() {
	amount := func(n uint64) uint256.Int { return *uint256.NewInt(n) }
	var block []protocol.Transaction
	for _, ops := range [][]ledger.Op{
		{ledger.Credit("alice", amount(100))},
		{ledger.RequireAbsent("paid/7"), ledger.Transfer("alice", "bob", amount(60)), ledger.Put("paid/7", []byte("yes"))},
		{ledger.RequireAbsent("paid/7"), ledger.Transfer("alice", "bob", amount(60))},
		{ledger.Transfer("alice", "bob", amount(60))},
	} {
		transaction, err := ledger.NewTransaction(ops...)
		if err != nil {
			fmt.Println(err)
			return
		}
		block = append(block, transaction)
	}
	reference := executor.NewSequential(ledger.Machine{}, protocol.DefaultLimits())
	outcomes, err := reference.Execute(block)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range outcomes.Len() {
		fmt.Println(outcomes.At(i))
	}
	for key, value := range reference.All() {
		fmt.Printf("%s %q\n", key, value)
	}
	// Output:
	// applied
	// applied
	// requirement_failed
	// insufficient_funds
	// account/alice "("
	// account/bob "<"
	// kv/paid/7 "yes"
}
