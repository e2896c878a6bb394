// Command lockstep runs, uses and inspects a Lockstep cluster.
package main

import (
	"context"
	"os"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// Set by the linker: -X main.version=v1.2.3 -X main.commit=abc1234.
var version, commit string

func build() cli.Build { return cli.Build{Version: version, Commit: commit} }

func main() {
	os.Exit(cli.Run(context.Background(), root(), os.Args[1:]))
}
