package executor_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// A shard with a machine of one's own. While its coordinator cannot be reached it
// waits, says so, and dials again.
func Example() {
	base, err := os.MkdirTemp("", "shard-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(base)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer nobody.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // where peers and readers reach it
	if err != nil {
		log.Fatal(err)
	}
	shard, err := executor.Open(executor.Options{
		Shard:        0,
		Directory:    filepath.Join(base, "shard0"),
		Coordinators: []string{nobody.Addr().String()},
		Address:      listener.Addr().String(),
		Machine:      counter{},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready:", shard.Ready())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- shard.Serve(ctx, listener) }()
	cancel()
	fmt.Println("ended:", <-ended)
	// Output:
	// ready: the coordinator cannot be reached; what is prepared is kept, committed state is served, and it is dialled again
	// ended: <nil>
}

// What a machine does beyond the access list makes the transaction invalid, whatever
// the machine says.
func ExampleTx() {
	greedy := executor.NewSequential(machineFunc(func(tx *executor.Tx) string {
		for i := range tx.Keys() {
			tx.Put(i, []byte("mine"))
		}
		return protocol.OutcomeApplied
	}), protocol.DefaultLimits())
	outcomes, err := greedy.Execute([]protocol.Transaction{
		protocol.NewTransaction(nil, []protocol.Access{{Key: []byte("a"), Mode: protocol.Write}}),
		protocol.NewTransaction(nil, []protocol.Access{{Key: []byte("b"), Mode: protocol.Write}, {Key: []byte("c"), Mode: protocol.Read}}),
	})
	fmt.Println(outcomes.At(0), outcomes.At(1), err)
	for key, value := range greedy.All() {
		fmt.Printf("%s=%s\n", key, value)
	}
	// Output:
	// applied invalid <nil>
	// a=mine
}

// machineFunc is a machine of one function.
type machineFunc func(*executor.Tx) string

func (f machineFunc) Execute(tx *executor.Tx) string { return f(tx) }
