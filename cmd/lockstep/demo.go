package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/demo"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/submit"
	"github.com/lockstep-exec/lockstep/executor/ledger/txfile"
	"github.com/lockstep-exec/lockstep/protocol"
)

// demoSettings are the flags of demo.
type demoSettings struct {
	options demo.Options
	verify  bool
	format  cli.Format
}

func demoCommand() *cobra.Command {
	s := demoSettings{options: demo.Options{Clients: 4}}
	cmd := &cobra.Command{
		Use:     "demo",
		GroupID: groupRun,
		Short:   "Show a whole cluster on this machine, with faults and a proof",
		Long: `Start a coordinator and shards as real processes on this machine, put load on
them, cut a link, kill a shard and the coordinator at the worst moments, and
prove that every byte is what one run of the committed blocks, one after the
other, comes to. It takes about a minute. Exit code 4 means that it is not so.

Without --data everything happens in a temporary directory, which is removed at
the end, unless something failed.`,
		Example: `  lockstep demo
  lockstep demo --shards 8 --data /tmp/demo
  lockstep demo --coordinators 3
  lockstep demo --data /tmp/demo --verify-only`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	f := cmd.Flags()
	f.IntVar(&s.options.Shards, "shards", 4, "number of shards")
	f.IntVar(&s.options.Coordinators, "coordinators", 1, "number of coordinators; with 3 or 5 the one that leads is killed and another takes over")
	f.StringVar(&s.options.Input, "input", "", "transaction `FILE` to run in place of generated load")
	f.StringVar(&s.options.Directory, "data", "", "`DIR` to run in and to leave behind; must be empty")
	f.StringVar(&s.options.HTTP, "http", "", "`ADDRESS` for the coordinator's pages; empty for any that is free")
	f.IntVar(&s.options.Accounts, "accounts", 10_000, "accounts of the generated load")
	f.Uint64Var(&s.options.Seed, "seed", 1, "seed of the generated load")
	f.IntVar(&s.options.BlockSize, "block-size", txfile.DefaultBlockSize, "most transactions of a block that the file does not name")
	f.DurationVar(&s.options.Load, "load", 20*time.Second, "how long the generated load goes on")
	addOwnTLS(cmd, "have everybody prove who it is, with certificates that are made on the spot")
	f.BoolVar(&s.verify, "verify-only", false, "only prove again a demo that has run in --data")
	s.format = cli.AddFormat(cmd)
	return cmd
}

func (s demoSettings) run(cmd *cobra.Command) error {
	if err := s.check(); err != nil {
		return err
	}
	o := s.options
	o.JSON, o.Out, o.Err = s.format.JSON(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	if s.verify {
		return demo.Verify(o)
	}
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to start it as a daemon: %w", err)
	}
	o.Executable, o.TLS = executable, ownTLS(cmd)
	return demo.Run(cmd.Context(), o)
}

func (s demoSettings) check() error {
	const mostShards, mostCoordinators = 64, 7 // processes on one machine
	switch {
	case s.verify && s.options.Directory == "":
		return cli.Usagef("--verify-only needs --data, the directory of a demo that has run")
	case s.options.Shards < 1 || s.options.Shards > mostShards:
		return cli.Usagef("--shards must be between 1 and %d, not %d", mostShards, s.options.Shards)
	case s.options.Coordinators < 1 || s.options.Coordinators > mostCoordinators || s.options.Coordinators%2 == 0:
		return cli.Usagef("--coordinators must be 1, 3, 5 or 7, not %d: an even number stands no more failures than one less", s.options.Coordinators)
	case s.options.BlockSize > protocol.DefaultLimits().BlockTransactions:
		return cli.Usagef("--block-size must be at most %d, not %d", protocol.DefaultLimits().BlockTransactions, s.options.BlockSize)
	}
	for _, p := range []struct {
		flag  string
		value int
	}{{"accounts", s.options.Accounts}, {"block-size", s.options.BlockSize}} {
		if err := positive(p.flag, p.value); err != nil {
			return err
		}
	}
	if s.options.Input != "" {
		if err := submit.Check([]string{s.options.Input}); err != nil {
			return cli.Usagef("--input: %w", err)
		}
	}
	return positive("load", s.options.Load)
}
