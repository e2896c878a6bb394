package executor_test

import (
	"fmt"
	"strconv"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// counter is a machine with one operation: add one to every declared key.
type counter struct{}

func (counter) Execute(tx *executor.Tx) string {
	for i := range tx.Keys() {
		value, _ := tx.Get(i)
		n, _ := strconv.Atoi(string(value)) // an absent counter is 0
		if n == 2 {
			return "counter_full"
		}
		tx.Put(i, strconv.AppendInt(nil, int64(n+1), 10))
	}
	return protocol.OutcomeApplied
}

// A machine of one's own, run as the cluster would, but alone.
func ExampleMachine() {
	count := func(keys ...string) protocol.Transaction {
		var access []protocol.Access
		for _, key := range keys {
			access = append(access, protocol.Access{Key: []byte(key), Mode: protocol.ReadWrite})
		}
		return protocol.NewTransaction(nil, access)
	}
	reference := executor.NewSequential(counter{}, protocol.DefaultLimits())
	outcomes, err := reference.Execute([]protocol.Transaction{
		count("a", "b"), count("b"), count("a", "b"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range outcomes.Len() {
		fmt.Println(i, outcomes.At(i))
	}
	for key, value := range reference.All() {
		fmt.Println(key, string(value))
	}
	// Output:
	// 0 applied
	// 1 applied
	// 2 counter_full
	// a 1
	// b 2
}
