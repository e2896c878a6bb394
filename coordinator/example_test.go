package coordinator_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/coordinator"
)

// A coordinator on a new directory makes a new cluster. It serves until its ctx ends,
// and comes back on the same directory; the number of shards is fixed by then.
func Example() {
	base, err := os.MkdirTemp("", "coordinator-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(base)
	options := coordinator.Options{Directory: filepath.Join(base, "coordinator"), Shards: 2}
	c, err := coordinator.Open(options)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Ready())
	listener, err := net.Listen("tcp", "127.0.0.1:0") // where shards and clients reach it
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Serve(ctx, listener) }()
	cancel()
	fmt.Println("ended:", <-ended)

	options.Shards = 3
	_, err = coordinator.Open(options)
	fmt.Println("other shards:", errors.Is(err, coordinator.ErrMismatch))
	options.Shards = 0 // as it was made
	c, err = coordinator.Open(options)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("epoch", c.Status().Epoch, "of", c.Status().Config.Shards(), "shards")
	fmt.Println("closed:", c.Close())
	// Output:
	// shards [0 1] are not connected: nothing is decided until they are
	// ended: <nil>
	// other shards: true
	// epoch 2 of 2 shards
	// closed: <nil>
}
