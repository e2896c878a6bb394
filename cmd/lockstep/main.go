//go:build !docs

// Command lockstep runs, uses and inspects a Lockstep cluster.
package main

import (
	"context"
	"os"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

func main() {
	os.Exit(cli.Run(context.Background(), root(), os.Args[1:]))
}
