package state_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
)

// A block is staged when it is prepared, committed when the coordinator says
// so, and checkpointed some time later.
func Example() {
	dir, err := os.MkdirTemp("", "state")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := state.Create(dir, state.Checkpoint{Shard: 1}, state.Options{}); err != nil {
		log.Fatal(err)
	}
	store, err := state.Open(dir, state.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	alice := []byte("account/alice")
	block := []protocol.WriteOp{{Key: alice, Value: []byte{100}}}
	if err := store.Stage(1, block); err != nil {
		log.Fatal(err)
	}
	if _, err := store.ViewCommitted(1); err != nil {
		fmt.Println(err)
	}
	decision := protocol.Committed{Attempt: protocol.AttemptID{Height: 1, Epoch: 1, Attempt: 1}}
	decision.Digest = protocol.PairSum(alice, []byte{100}).Digest()
	if err := store.Commit(decision); err != nil {
		log.Fatal(err)
	}
	view, err := store.ViewCommitted(1)
	if err != nil {
		log.Fatal(err)
	}
	defer view.Close()
	balance, ok, err := view.Get(alice)
	fmt.Println(balance, ok, err)

	checkpointer := state.NewCheckpointer(store, state.Policy{}, state.Hooks{
		Prepare: func(context.Context, protocol.Height) (state.LogPosition, protocol.Config, protocol.Epoch, error) {
			return state.LogPosition{}, protocol.Config{}, 1, nil // a shard forces its log here
		},
		Done: func(cp state.Checkpoint) { fmt.Println("checkpoint at height", cp.Height()) },
	})
	if err := checkpointer.FlushAll(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// view height 1 (limit 0): height is not committed
	// [100] true <nil>
	// checkpoint at height 1
}
