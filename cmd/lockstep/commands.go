package main

import (
	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// Set by the linker: -X main.version=v1.2.3 -X main.commit=abc1234
// -X main.date=2006-01-02T15:04:05Z, the date of the commit.
var version, commit, date string

// build is what the linker has set.
func build() cli.Build { return cli.Build{Version: version, Commit: commit, Date: date} }

// Groups of commands, in the order of the help.
const (
	groupRun  = "run"
	groupUse  = "use"
	groupMend = "mend"
)

const about = `Lockstep executes ordered blocks of transactions over state that is partitioned
across shards, and commits every block on all shards or on none.

Every flag can come from the environment: --block-size is LOCKSTEP_BLOCK_SIZE.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 outcome unknown or in doubt (ask
again, nothing is lost), 4 refused: damage or divergence found.`

// root is the whole command line, one line a command.
func root() *cobra.Command {
	r := cli.New("lockstep", "Ordered blocks of transactions over partitioned state, on all shards or on none", about)
	r.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run a cluster:"},
		&cobra.Group{ID: groupUse, Title: "Use a cluster:"},
		&cobra.Group{ID: groupMend, Title: "Look after a cluster:"},
	)
	r.AddCommand(
		demoCommand(),
		coordinatorCommand(),
		shardCommand(),
		submitCommand(),
		getCommand(),
		statusCommand(),
		blocksCommand(),
		benchCommand(),
		clusterCommand(),
		configCommand(),
		certsCommand(),
		indoubtCommand(),
		checkCommand(),
		debugCommand(),
		recoverCommand(),
		cli.VersionCommand(build()),
	)
	return r
}
