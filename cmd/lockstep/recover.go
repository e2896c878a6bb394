package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

func recoverCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "recover",
		GroupID: groupMend,
		Short:   "Look into the data directory of a stopped shard or coordinator, and mend it",
		Long: `Look into the data directory of a shard or coordinator that is stopped. Nothing on
the disk is changed, except by repair and resolve with --yes.

Exit codes: 0 sound, 4 damage or divergence was found, 1 it could not be looked
at, for instance because the directory is in use.`,
	}
	cmd.AddCommand(recoverInspectCommand(), recoverVerifyCommand(), recoverCompareCommand(),
		recoverDumpCommand(), recoverRepairCommand(), recoverResolveCommand())
	return cmd
}

// addData adds --data, which every verb on one directory needs.
func addData(cmd *cobra.Command, whose string) *string {
	data := cmd.Flags().String("data", "", "data `DIR` of the stopped "+whose)
	cli.Require(cmd, "data")
	return data
}

// offlineError says what to do about an error of a look.
func offlineError(err error) error {
	if err != nil && recovery.InUse(err) {
		return fmt.Errorf("%w: stop the daemon that runs on it first", err)
	}
	return refusedOr(err)
}

// found ends a command that found damage with its exit code.
func found(n int, dir string) error {
	if n == 0 {
		return nil
	}
	return cli.Refusedf("%s in %s: each line above says what it means and what to do", report.Plural(n, "finding"), dir)
}

// lines writes lines, of which parts may come from what was found.
func lines(w io.Writer, all ...string) error {
	var errs []error
	for _, line := range all {
		_, err := fmt.Fprintln(w, cli.Escaped(line))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// findingLines gives one line a finding.
func findingLines(findings []recovery.Finding) (all []string) {
	for _, f := range findings {
		all = append(all, "finding     "+cli.Sentence(errors.New(f.String())))
	}
	return all
}
