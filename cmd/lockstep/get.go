package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
)

// getSettings are the flags of get.
type getSettings struct {
	coordinator *string
	shard       string
	height      uint64
	timeout     *time.Duration
	format      cli.Format
}

func getCommand() *cobra.Command {
	var s getSettings
	cmd := &cobra.Command{
		Use:     "get KEY...",
		GroupID: groupUse,
		Short:   "Read keys, all as of one committed height",
		Long: `Read keys of the state, all as of one committed height. The balance of alice is
account/alice, and what "put" sets under x is kv/x.

With --shard, read straight from one shard as of its own committed height, also
while the coordinator is away; all keys must live there.`,
		Example: "  lockstep get account/alice kv/x",
		Args:    cli.Args("KEY", true),
		RunE:    func(cmd *cobra.Command, keys []string) error { return s.run(cmd, keys) },
	}
	s.coordinator = addCoordinator(cmd)
	cmd.Flags().StringVar(&s.shard, "shard", "", "`ADDRESS` of a shard to read from, HOST:PORT, in place of the coordinator")
	cmd.Flags().Uint64Var(&s.height, "height", 0, "committed height to read at; 0 is the newest")
	s.timeout = addTimeout(cmd)
	s.format = cli.AddFormat(cmd)
	cmd.MarkFlagsMutuallyExclusive("coordinator", "shard")
	return cmd
}

func (s getSettings) run(cmd *cobra.Command, keys []string) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), *s.timeout)
	defer cancel()
	values, err := s.read(ctx, cmd, keys)
	if err != nil {
		return err
	}
	if s.format.JSON() {
		return cli.WriteJSON(cmd.OutOrStdout(), values)
	}
	return values.WriteTable(cmd.OutOrStdout())
}

func (s getSettings) read(ctx context.Context, cmd *cobra.Command, keys []string) (values report.Values, err error) {
	if s.shard != "" {
		return s.readShard(ctx, cmd, keys)
	}
	err = withCoordinator(cmd, *s.coordinator, func(c *client.Coordinator) error {
		response, err := c.Get(ctx, inBytes(keys), s.height)
		if err == nil {
			values = report.ValuesOf(response.GetHeight(), keys, response.GetValues())
		}
		return err
	})
	return values, err
}

func (s getSettings) readShard(ctx context.Context, cmd *cobra.Command, keys []string) (values report.Values, err error) {
	err = withShard(cmd, s.shard, func(shard *client.Shard) error {
		response, err := shard.Get(ctx, inBytes(keys), s.height)
		if err == nil {
			values = report.ValuesOf(response.GetHeight(), keys, response.GetValues())
			id := response.GetShard()
			values.Shard = &id
		}
		return err
	})
	return values, err
}

func inBytes(keys []string) [][]byte {
	all := make([][]byte, len(keys))
	for i, key := range keys {
		all[i] = []byte(key)
	}
	return all
}
