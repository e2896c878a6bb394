package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func indoubtCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "indoubt",
		GroupID: groupMend,
		Short:   "Show what is in doubt, and have it settled",
		Long: `Show blocks that are prepared on some shard without a decision that this shard
knows, and have them settled. Mostly nothing needs to be done: shards and
coordinators find each other again, and go on.

Nobody can decide in place of the shards. Resolving asks the coordinator that leads
for what it does by itself at other times; a decision that exists is delivered, and
never taken back. On a shard that cannot connect, see "lockstep recover resolve".`,
	}
	cmd.AddCommand(indoubtListCommand(), indoubtShowCommand(), indoubtResolveCommand(), indoubtAuditCommand())
	return cmd
}

// indoubtSettings are the flags that all of them have.
type indoubtSettings struct {
	coordinator *string
	timeout     *time.Duration
	format      cli.Format
}

func (s *indoubtSettings) add(cmd *cobra.Command) {
	s.coordinator = addCoordinator(cmd)
	s.timeout = addTimeout(cmd)
	s.format = cli.AddFormat(cmd)
}

// with asks the coordinator that leads.
func (s *indoubtSettings) with(cmd *cobra.Command, do func(context.Context, *client.Coordinator) error) error {
	return withCoordinator(cmd, *s.coordinator, func(c *client.Coordinator) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), *s.timeout)
		defer cancel()
		return do(ctx, c)
	})
}

func indoubtListCommand() *cobra.Command {
	var s indoubtSettings
	var shard string
	var older time.Duration
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what is in doubt, oldest first, with the reason and what to do",
		Long: `List what is in doubt, oldest first: on which shards it is prepared, whose word is
missing, since when, why, and what to do. Under load, blocks that are just under
way are there too: see --older-than.

With --shard, list what one shard has prepared, also while no coordinator leads.`,
	}
	s.add(cmd)
	cmd.Flags().StringVar(&shard, "shard", "", "`ADDRESS` of a shard to ask, HOST:PORT, in place of the coordinator")
	cmd.Flags().DurationVar(&older, "older-than", 0, "leave out what is younger")
	cmd.MarkFlagsMutuallyExclusive("coordinator", "shard")
	cmd.MarkFlagsMutuallyExclusive("older-than", "shard")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if older < 0 {
			return cli.Usagef("--older-than must not be negative, it is %v", older)
		}
		if shard != "" {
			return s.listShard(cmd, shard)
		}
		return s.with(cmd, func(ctx context.Context, c *client.Coordinator) error {
			all := report.Doubts{Blocks: []report.InDoubt{}}
			err := c.InDoubt(ctx, func(page *wirepb.ListInDoubtResponse) { all.Add(page, older) })
			switch {
			case status.Code(err) == codes.Unavailable:
				return fmt.Errorf("%w; what a shard has prepared can be seen with --shard ADDRESS", err)
			case err != nil:
				return err
			case s.format.JSON():
				return cli.WriteJSON(cmd.OutOrStdout(), all)
			}
			return all.WriteTable(cmd.OutOrStdout())
		})
	}
	return cmd
}

func (s *indoubtSettings) listShard(cmd *cobra.Command, address string) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), *s.timeout)
	defer cancel()
	var found *wirepb.ShardServiceListPreparedResponse
	err := withShard(cmd, address, func(shard *client.Shard) (err error) {
		found, err = shard.Prepared(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if s.format.JSON() {
		return cli.WriteJSON(cmd.OutOrStdout(), report.PromisesOf(found))
	}
	return report.PromisesOf(found).WriteTable(cmd.OutOrStdout())
}

// blockName is how people name a block: by its height, or by its key.
type blockName struct {
	text  string
	isKey bool
}

func addKey(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("key", false, "the argument is a block key, also if it is a number")
}

// find gives the evidence about the block. A number is a height, and if nothing is
// there a key.
func (n blockName) find(ctx context.Context, c *client.Coordinator) (*wirepb.ShowInDoubtResponse, error) {
	height, err := strconv.ParseUint(n.text, 10, 64)
	if n.isKey || err != nil || height == 0 {
		return c.Doubt(ctx, 0, n.text)
	}
	found, err := c.Doubt(ctx, height, "")
	if status.Code(err) != codes.NotFound {
		return found, err
	}
	if byKey, keyErr := c.Doubt(ctx, 0, n.text); keyErr == nil {
		return byKey, nil
	}
	return nil, err
}

func indoubtShowCommand() *cobra.Command {
	var s indoubtSettings
	cmd := &cobra.Command{
		Use:   "show HEIGHT|KEY",
		Short: "Show all the evidence about one block in doubt",
		Long: `Show all the evidence about one block: what each shard has in its log, what the
coordinator has of each, and what can become of the block.`,
		Example: "  lockstep indoubt show 812",
		Args:    cli.Args("HEIGHT or KEY", false),
	}
	s.add(cmd)
	isKey := addKey(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return s.with(cmd, func(ctx context.Context, c *client.Coordinator) error {
			found, err := blockName{args[0], *isKey}.find(ctx, c)
			if err != nil {
				return err
			}
			if s.format.JSON() {
				return cli.WriteJSON(cmd.OutOrStdout(), report.DoubtOf(found))
			}
			return report.DoubtOf(found).WriteDetails(cmd.OutOrStdout())
		})
	}
	return cmd
}

func indoubtAuditCommand() *cobra.Command {
	var s indoubtSettings
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List what operators have resolved, oldest first",
		Long: `List what operators have resolved: who, when, what, on what evidence and why. The
coordinators keep it in their replicated log, the newest 256 acts.`,
	}
	s.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.with(cmd, func(ctx context.Context, c *client.Coordinator) error {
			found, err := c.Resolved(ctx)
			if err != nil {
				return err
			}
			acts := report.Acts{}
			for _, r := range found {
				acts = append(acts, report.ActOf(r))
			}
			if s.format.JSON() {
				return cli.WriteJSON(cmd.OutOrStdout(), acts)
			}
			return acts.WriteTable(cmd.OutOrStdout())
		})
	}
	return cmd
}
