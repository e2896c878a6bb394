package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/submit"
	"github.com/lockstep-exec/lockstep/protocol"
)

// benchSettings are the flags of bench.
type benchSettings struct {
	options  bench.Options
	workload *string
	format   cli.Format
}

func benchCommand() *cobra.Command {
	var s benchSettings
	cmd := &cobra.Command{
		Use:     "bench",
		GroupID: groupUse,
		Short:   "Measure a cluster under load, next to what the blocks cost without it",
		Long: `Start a cluster on this machine, or take one that runs, fill accounts, and submit
blocks of transfers as fast as they are answered. It says how many transactions
a second are committed, how long a block takes, and what each process used.

--compare runs the same blocks in other ways on the same disk: "bare" in one
process over one bbolt file per shard, without log, votes, network or atomicity,
and "postgres" on a PostgreSQL of this machine with one database per shard, once
with a two-phase commit per transaction and once per block. The ratios, ours
divided by theirs, are the result.

The same seed makes the same blocks. Without --data everything happens in a
temporary directory; what was made is removed in the end, unless --keep is given.`,
		Example: `  lockstep bench --compare bare --html bench.html
  lockstep bench --workload zipf --skew 1.1 --accounts 1000000 --rounds 3 --compare bare,postgres
  lockstep bench --input trace.jsonl.gz --compare bare -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	o, f := &s.options, cmd.Flags()
	f.IntVar(&o.Shards, "shards", 4, "number of shards")
	f.IntVar(&o.Coordinators, "coordinators", 1, "number of coordinators of a new cluster: 1, 3, 5 or 7")
	f.StringVar(&o.Coordinator, "coordinator", "", "`ADDRESS` of the coordinator of a cluster that runs, in place of a new one")
	s.workload = cli.AddChoice(f, "workload", "", "pattern of the transfers", workload.Kinds()...)
	f.IntVar(&o.Workload.Accounts, "accounts", 100_000, "accounts that are filled beforehand")
	f.IntVar(&o.Workload.BlockSize, "block-size", 10_000, "transactions of a block")
	f.Uint64Var(&o.Workload.Seed, "seed", 1, "seed of the blocks")
	f.Float64Var(&o.Workload.Skew, "skew", 0.99, "zipf: exponent of the skew; 0 is uniform")
	f.Float64Var(&o.Workload.SingleShare, "single-share", 1, "single: share of the transfers that stay on one shard, 0 to 1")
	f.Float64Var(&o.Workload.ReadShare, "read-share", 0.95, "read-mostly: share of the transactions that only read, 0 to 1")
	f.StringVar(&o.Input, "input", "", "transaction `FILE` to run once after the warm-up, in order")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "how long to submit")
	f.IntVar(&o.Blocks, "blocks", 0, "submit so many blocks, in place of a duration")
	f.IntVar(&o.Pipeline, "pipeline", 8, "most blocks under way at once")
	f.IntVar(&o.LatencyBlocks, "latency-blocks", 200, "blocks of one transaction to submit afterwards, one at a time")
	f.IntVar(&o.Rounds, "rounds", 1, "measure so many times, in turn with what is compared, and give the median ratios")
	f.StringSliceVar(&o.Compare, "compare", nil, "`LIST` of what to compare with: bare, postgres")
	cli.Complete(cmd, "compare", "bare", "postgres", "bare,postgres")
	f.BoolVar(&o.Restart, "restart", false, "after the load, kill all processes, with long logs, and say how long they take to be ready again")
	f.Int64Var(&o.RestartLog, "restart-log", 256<<20, "`BYTES` of the logs of all shards together at that moment")
	f.DurationVar(&o.Away, "away", 0, "after the load, keep a shard away for so long while blocks go on being submitted, and watch the memory of the others")
	f.BoolVar(&o.Verify, "verify", false, "prove in the end that every byte is what a sequential run comes to")
	addOwnTLS(cmd, "have everybody prove who it is, with certificates that are made on the spot; with --coordinator, --tls=`DIR` of a client")
	f.StringVar(&o.Directory, "data", "", "`DIR` to run in; must be empty")
	f.BoolVar(&o.Keep, "keep", false, "leave the data behind")
	f.StringVar(&o.HTML, "html", "", "`FILE` to write a page with charts to")
	s.format = cli.AddFormat(cmd)
	return cmd
}

func (s benchSettings) run(cmd *cobra.Command) error {
	if err := s.check(); err != nil {
		return err
	}
	o := s.options
	o.Workload.Kind = workload.Kind(*s.workload)
	if !cmd.Flags().Changed("duration") && (o.Blocks > 0 || o.Input != "") {
		o.Duration = 0
	}
	o.JSON, o.Out, o.Err = s.format.JSON(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to start it as a daemon: %w", err)
	}
	o.Executable, o.TLS = executable, ownTLS(cmd)
	if o.Coordinator != "" {
		if o.Identity, err = identityOf(cmd); err != nil {
			return err
		}
	}
	return bench.Run(cmd.Context(), o)
}

func (s benchSettings) check() error {
	const mostShards, mostCoordinators = 64, 7 // processes on one machine
	o := s.options
	most := protocol.DefaultLimits().BlockTransactions
	switch {
	case o.Shards < 1 || o.Shards > mostShards:
		return cli.Usagef("--shards must be between 1 and %d, not %d", mostShards, o.Shards)
	case o.Coordinators < 1 || o.Coordinators > mostCoordinators || o.Coordinators%2 == 0:
		return cli.Usagef("--coordinators must be 1, 3, 5 or 7, not %d", o.Coordinators)
	case o.Workload.BlockSize > most:
		return cli.Usagef("--block-size must be at most %d, not %d", most, o.Workload.BlockSize)
	case o.Blocks < 0 || o.LatencyBlocks < 0:
		return cli.Usagef("--blocks and --latency-blocks must not be less than 0")
	}
	if o.Input != "" {
		if err := submit.Check([]string{o.Input}); err != nil {
			return cli.Usagef("--input: %w", err)
		}
	}
	return errors.Join(positive("duration", o.Duration), positive("pipeline", o.Pipeline), positive("rounds", o.Rounds))
}
