// Inventory runs a machine of its own on a cluster of its own, all in one process: a
// warehouse whose items live on several shards, and never sells what it does not have.
//
//	go run ./examples/inventory
//
// It fills the warehouse, sells more than there is, takes a shard away while blocks are
// under way, brings it back, and proves at the end that the shards have come to what one
// sequential run of the same blocks comes to. The files, in the order to read them:
//
//	machine.go    what transactions mean
//	operation.go  their payloads, and what they declare
//	cluster.go    a coordinator and shards in this process
//	story.go      a client: blocks, keys, errors
//	proof.go      the comparison with a sequential run
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/hashicorp/go-hclog"
)

func main() {
	shards := flag.Int("shards", 3, "number of shards, from 2 to 16")
	dir := flag.String("dir", "", "directory for the data, which must be new or empty; without one, a temporary one that is removed")
	logs := flag.Bool("log", false, "show what the coordinator and the shards log")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	level := hclog.Off
	if *logs {
		level = hclog.Info
	}
	logger := hclog.New(&hclog.LoggerOptions{Name: "inventory", Level: level, Output: os.Stderr})
	if err := run(ctx, os.Stdout, *dir, *shards, logger); err != nil {
		fmt.Fprintln(os.Stderr, "inventory:", err)
		stop()
		os.Exit(1)
	}
}

// run plays the story on a cluster in dir, or in a temporary directory.
func run(ctx context.Context, out io.Writer, dir string, shards int, logger hclog.Logger) (err error) {
	if shards < 2 || shards > 16 {
		return fmt.Errorf("-shards must be between 2 and 16, not %d", shards)
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "inventory-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("-dir %s is not empty: the story begins with an empty warehouse", dir)
	}
	c, err := startCluster(dir, shards, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	s, err := newStory(out, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.client.Close()) }()
	return s.tell(ctx)
}
