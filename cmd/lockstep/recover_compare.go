package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

func recoverCompareCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compare DIR...",
		Short: "Compare the data directories of stopped shards, and find where they part",
		Long: `Compare the data directories of stopped shards and of their coordinator: the
cluster, the heights, and at every height what was decided. The decisions come
from the coordinator's directory among them, or from a running coordinator; the
shards are compared with each other if there are none.`,
		Example: "  lockstep recover compare /var/lib/lockstep/coordinator /var/lib/lockstep/shard*",
		Args:    cli.Args("DIR", true),
	}
	decisions := decisionsSettings{}
	format := cli.AddFormat(cmd)
	addDecisions(cmd, &decisions)
	cmd.RunE = func(cmd *cobra.Command, dirs []string) error {
		return decisions.with(cmd, func(ctx context.Context, d recovery.Decisions) error {
			return compare(ctx, cmd, dirs, d, format)
		})
	}
	return cmd
}

func compare(ctx context.Context, cmd *cobra.Command, dirs []string, d recovery.Decisions, format cli.Format) error {
	progress, done := progressOn(cmd)
	c, err := recovery.Compare(ctx, dirs, recovery.CompareOptions{Decisions: d, Progress: progress})
	done()
	if errors.Is(err, recovery.ErrTwoCoordinators) {
		return cli.Usage(err)
	}
	if err != nil {
		return offlineError(err)
	}
	if format.JSON() {
		err = cli.WriteJSON(cmd.OutOrStdout(), c)
	} else {
		err = writeComparison(cmd.OutOrStdout(), c)
	}
	return errors.Join(err, found(len(c.Findings), "what was compared"))
}

func writeComparison(w io.Writer, c *recovery.Comparison) error {
	t := report.NewTable("directory", "what", ">height", ">in the database", ">in doubt", "root", "sound")
	for _, l := range c.Looks {
		who := string(l.Role)
		if l.Shard != nil {
			who = fmt.Sprintf("shard %d", *l.Shard)
		}
		t.Row(report.Fit(report.Printable(l.Path), 40), who, l.Height, l.CheckpointedHeight, len(l.InDoubt), report.Fit(report.OrDash(l.Root), 13), yes(l.Sound))
	}
	_, err := t.WriteTo(w)
	all := []string{"", "compared with: " + c.Source}
	switch {
	case c.Parted != nil:
		all = append(all, fmt.Sprintf("they part at height %d, on shard %d", c.Parted.Height, c.Parted.Shard))
	case c.Sound:
		all = append(all, "they tell one history")
	}
	return errors.Join(err, lines(w, append(all, findingLines(c.Findings)...)...))
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
