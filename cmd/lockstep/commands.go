package main

import (
	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// root is the whole command line, one line a command.
func root() *cobra.Command {
	r := cli.New("lockstep", "Ordered blocks of transactions over partitioned state, on all shards or on none",
		`Lockstep executes ordered blocks of transactions over state that is partitioned
across shards, and commits every block on all shards or on none.

Every flag can come from the environment: --block-size is LOCKSTEP_BLOCK_SIZE.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 outcome unknown or in doubt (ask
again, nothing is lost), 4 refused: damage or divergence found.`)
	r.AddCommand(
		cli.VersionCommand(cli.Build{Version: version, Commit: commit}),
	)
	return r
}
