package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

// oneShard runs a cluster of one shard until it is stopped, and gives its address.
func oneShard() (address string, stop func()) {
	dir, err := os.MkdirTemp("", "client-example-")
	check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	atCoordinator, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	c, err := coordinator.Open(coordinator.Options{Directory: filepath.Join(dir, "coordinator"), Shards: 1, MinFreeBytes: -1})
	check(err)
	go func() { ended <- c.Serve(ctx, atCoordinator) }()
	atShard, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	s, err := executor.Open(executor.Options{
		Directory: filepath.Join(dir, "shard0"), Coordinators: []string{atCoordinator.Addr().String()},
		Address: atShard.Addr().String(), Machine: ledger.Machine{}, MinFreeBytes: -1,
	})
	check(err)
	go func() { ended <- s.Serve(ctx, atShard) }()
	return atCoordinator.Addr().String(), func() {
		cancel()
		check(errors.Join(<-ended, <-ended, os.RemoveAll(dir)))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// transaction is of the ledger.
func transaction(ops ...ledger.Op) protocol.Transaction {
	t, err := ledger.NewTransaction(ops...)
	check(err)
	return t
}

// Blocks are submitted under keys, and read back as of the height that they got.
func Example() {
	address, stop := oneShard()
	defer stop()
	ctx := context.Background()
	c, err := client.New([]string{address}, client.Options{})
	check(err)
	defer c.Close()

	block := []protocol.Transaction{
		transaction(ledger.Credit("alice", *uint256.NewInt(100))),
		transaction(ledger.Transfer("alice", "bob", *uint256.NewInt(30))),
		transaction(ledger.Transfer("alice", "bob", *uint256.NewInt(90))),
	}
	r, err := c.Submit(ctx, "payday", block)
	check(err)
	fmt.Printf("block %q: height %d\n", r.Key, r.Height)
	for i := range r.Outcomes.Len() {
		fmt.Println(" ", r.Outcomes.At(i))
	}

	r, err = c.Submit(ctx, "payday", block) // as after a restart of this program
	check(err)
	fmt.Printf("asked again: height %d\n", r.Height)

	_, err = c.Submit(ctx, "payday", block[:1])
	fmt.Println("refused under a key that is taken:", errors.Is(err, client.ErrRefused))

	read, err := c.Get(ctx, r.Height, ledger.AccountKey("alice"), ledger.AccountKey("bob"), ledger.AccountKey("carol"))
	check(err)
	for _, v := range read.Values {
		fmt.Println(v.Bytes, v.Present)
	}
	// Output:
	// block "payday": height 1
	//   applied
	//   applied
	//   insufficient_funds
	// asked again: height 1
	// refused under a key that is taken: true
	// [70] true
	// [30] true
	// [] false
}

// A program that follows the blocks keeps the height of the last one that it has dealt
// with, and goes on behind it after a restart.
func ExampleClient_Watch() {
	address, stop := oneShard()
	defer stop()
	c, err := client.New([]string{address}, client.Options{})
	check(err)
	defer c.Close()
	for _, key := range []string{"monday", "tuesday", "wednesday"} {
		_, err := c.Submit(context.Background(), key, []protocol.Transaction{transaction(ledger.Put("day", []byte(key)))})
		check(err)
	}

	done := uint64(1) // what this program remembers
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err = c.Watch(ctx, done+1, func(r client.Result) error {
		fmt.Println(r.Height, r.Key)
		if done = r.Height; done == 3 {
			cancel()
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// 2 tuesday
	// 3 wednesday
	// context canceled
}
