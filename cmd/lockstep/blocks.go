package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// blocksSettings are the flags of blocks.
type blocksSettings struct {
	coordinator *string
	timeout     *time.Duration
	format      cli.Format
	from        uint64
	number      int
	key         string
}

func blocksCommand() *cobra.Command {
	var s blocksSettings
	cmd := &cobra.Command{
		Use:     "blocks",
		GroupID: groupUse,
		Short:   "List committed blocks",
		Long: `List committed blocks in order of height: the newest, or those from a height on.
With --key, show everything about one block.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := positive("number", s.number); err != nil {
				return err
			}
			return withCoordinator(cmd, *s.coordinator, func(c *client.Coordinator) error { return s.run(cmd, c) })
		},
	}
	s.coordinator = addCoordinator(cmd)
	s.timeout = addTimeout(cmd)
	s.format = cli.AddFormat(cmd)
	cmd.Flags().Uint64Var(&s.from, "from", 0, "first `HEIGHT`; 0 lists the newest blocks")
	cmd.Flags().IntVarP(&s.number, "number", "n", 20, "most blocks to list")
	cmd.Flags().StringVar(&s.key, "key", "", "look up the block with this block `KEY`")
	cmd.MarkFlagsMutuallyExclusive("key", "from")
	cmd.MarkFlagsMutuallyExclusive("key", "number")
	return cmd
}

func (s blocksSettings) run(cmd *cobra.Command, c *client.Coordinator) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), *s.timeout)
	defer cancel()
	if s.key != "" {
		return s.one(ctx, cmd.OutOrStdout(), c)
	}
	if s.format.JSON() {
		return c.Blocks(ctx, s.from, s.number, func(page []*wirepb.Block) error {
			return writeBlocks(cmd.OutOrStdout(), page)
		})
	}
	return s.table(ctx, cmd.OutOrStdout(), c)
}

func (s blocksSettings) one(ctx context.Context, w io.Writer, c *client.Coordinator) error {
	b, err := c.Block(ctx, s.key)
	if err != nil {
		return err
	}
	if s.format.JSON() {
		return cli.WriteJSON(w, report.BlockOf(b))
	}
	return report.BlockOf(b).WriteDetails(w)
}

func writeBlocks(w io.Writer, blocks []*wirepb.Block) error {
	for _, b := range blocks {
		if err := cli.WriteJSON(w, report.BlockOf(b)); err != nil {
			return err
		}
	}
	return nil
}

func (s blocksSettings) table(ctx context.Context, w io.Writer, c *client.Coordinator) error {
	t, empty := report.NewBlockTable(), true
	err := c.Blocks(ctx, s.from, s.number, func(page []*wirepb.Block) error {
		empty = false
		for _, b := range page {
			t.Add(report.BlockOf(b))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if empty {
		_, err = fmt.Fprintln(w, "no blocks committed there")
		return err
	}
	_, err = t.WriteTo(w)
	return err
}
