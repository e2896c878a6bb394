package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/submit"
	"github.com/lockstep-exec/lockstep/coordinator/client"
)

const (
	defaultCoordinator = "127.0.0.1:7400"
	// readTimeout bounds commands that only read.
	readTimeout = 10 * time.Second
)

// addCoordinator adds --coordinator and --tls to a client command.
func addCoordinator(cmd *cobra.Command) *string {
	addTLS(cmd)
	return cmd.Flags().String("coordinator", defaultCoordinator, "`ADDRESS` of the coordinator, HOST:PORT; of several, with commas between, the one that leads is found")
}

// addTimeout adds --timeout to a client command that only reads.
func addTimeout(cmd *cobra.Command) *time.Duration {
	return cmd.Flags().Duration("timeout", readTimeout, "how long to wait for the answer")
}

// withCoordinator connects, and closes the connection afterwards. While no
// coordinator leads, it says so.
func withCoordinator(cmd *cobra.Command, addresses string, do func(*client.Coordinator) error) error {
	i, err := identityOf(cmd)
	if err != nil {
		return err
	}
	c, err := client.NewCoordinatorAs(i, addresses)
	if err != nil {
		return cli.Usagef("--coordinator: %w", err)
	}
	w := watcher(cmd)
	c.OnRetry(w.Retrying)
	err = do(c)
	w.Close()
	return errors.Join(err, c.Close())
}

// withShard connects to one shard, and closes the connection afterwards.
func withShard(cmd *cobra.Command, address string, do func(*client.Shard) error) error {
	i, err := identityOf(cmd)
	if err != nil {
		return err
	}
	shard, err := client.NewShardAs(i, address)
	if err != nil {
		return cli.Usagef("--shard: %w", err)
	}
	return errors.Join(do(shard), shard.Close())
}

// watcher shows progress on a terminal, and else logs what is worth it.
func watcher(cmd *cobra.Command) submit.Watcher {
	if cli.IsTerminal(cmd.ErrOrStderr()) {
		return submit.NewProgress(cmd.ErrOrStderr())
	}
	return submit.NewLogWatcher(cli.Logger(cmd.Context()))
}

// positive refuses a flag's value that is not above 0.
func positive[N int | int64 | time.Duration](flag string, value N) error {
	if value <= 0 {
		return cli.Usagef("--%s must be more than 0, not %v", flag, value)
	}
	return nil
}

// notNegative refuses a flag's value below 0, where 0 means the default.
func notNegative[N int | int64 | time.Duration](flag string, value N) error {
	if value < 0 {
		return cli.Usagef("--%s must not be less than 0, but is %v", flag, value)
	}
	return nil
}
