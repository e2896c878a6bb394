package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
)

func recoverVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check everything in the data directory of a stopped shard or coordinator",
		Long: `Check everything in the data directory of a stopped shard or coordinator: every
record of the log, every value, the state digest by a full scan, every decision,
and that the parts belong together. With --coordinator or --decisions, compare
what a shard has committed and prepared with what was decided.`,
		Example: `  lockstep recover verify --data /var/lib/lockstep/shard0 --coordinator 127.0.0.1:7400
  lockstep recover verify --data /var/lib/lockstep/shard0 --decisions /var/lib/lockstep/coordinator`,
		Args: cobra.NoArgs,
	}
	var decisions decisionsSettings
	data, format := addData(cmd, "shard or coordinator"), cli.AddFormat(cmd)
	addDecisions(cmd, &decisions)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return decisions.with(cmd, func(ctx context.Context, d recovery.Decisions) error {
			return verify(ctx, cmd, *data, d, format)
		})
	}
	return cmd
}

func verify(ctx context.Context, cmd *cobra.Command, dir string, d recovery.Decisions, format cli.Format) error {
	progress, done := progressOn(cmd)
	look, err := recovery.Verify(ctx, dir, recovery.VerifyOptions{Decisions: d, Progress: progress})
	done()
	if err != nil {
		return offlineError(err)
	}
	if format.JSON() {
		return show(cmd.OutOrStdout(), look, format)
	}
	look.Log.Segments = nil // inspect has them
	if look.Sound {
		err = lines(cmd.OutOrStdout(), "sound: nothing is wrong with "+dir)
	}
	return errors.Join(err, show(cmd.OutOrStdout(), look, format))
}
