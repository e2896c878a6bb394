package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/perf"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
)

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check",
		GroupID: groupMend,
		Short:   "Check whether an installation is fit for use",
		Long:    "Check whether an installation is fit for use.",
	}
	cmd.AddCommand(checkPerfCommand())
	return cmd
}

// perfSettings are the flags of check perf.
type perfSettings struct {
	data, coordinator string
	load              bool
	limits            perf.Limits
	format            cli.Format
}

func checkPerfCommand() *cobra.Command {
	s := perfSettings{limits: perf.DefaultLimits()}
	cmd := &cobra.Command{
		Use:   "perf",
		Short: "Measure disk, clock and network, and say whether they are fast enough",
		Long: `Measure disk, clock and network of an installation, and say PASS or FAIL, with the
reasons. Exit code 1 if anything fails.

With --data, the disk below that directory: forces and writing, with a log in a
directory of its own that is removed in the end, up to 15 s and 150 MB. Files that are
there are not touched. Measure while nothing else uses the disk.

With --coordinator, what it takes to ask each coordinator and each shard for its
health, from here. It changes nothing, so a cluster in use may be asked.

With --load, what a new cluster of four shards commits on this machine and on the
disk of --data in 5 s. It writes to that cluster only, which is removed in the end.`,
		Example: `  lockstep check perf --data /var/lib/lockstep
  lockstep check perf --coordinator 10.0.0.1:7400,10.0.0.2:7400
  lockstep check perf --data /var/lib/lockstep --load --min-throughput 10000 -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	f, l := cmd.Flags(), &s.limits
	f.StringVar(&s.data, "data", "", "`DIR` whose disk to measure; it must exist")
	f.StringVar(&s.coordinator, "coordinator", "", "`ADDRESS` of the coordinator of a cluster that runs, HOST:PORT; of several, with commas between")
	f.BoolVar(&s.load, "load", false, "measure what a cluster on this machine and disk commits")
	f.Float64Var(&l.ForceP50Ms, "max-force-p50", l.ForceP50Ms, "most `MILLISECONDS` of half of the forces: every block waits for two")
	f.Float64Var(&l.ForceP99Ms, "max-force-p99", l.ForceP99Ms, "most `MILLISECONDS` of 99 of 100 forces: a leader without a majority for 400 ms gives up")
	f.Float64Var(&l.WriteMBps, "min-write", l.WriteMBps, "least `MB` written a second: a checkpoint has 32 MiB")
	f.Float64Var(&l.TripP50Ms, "max-round-trip-p50", l.TripP50Ms, "most `MILLISECONDS` of half of the round trips: every block takes several")
	f.Float64Var(&l.TripP99Ms, "max-round-trip-p99", l.TripP99Ms, "most `MILLISECONDS` of 99 of 100 round trips: as for forces")
	f.Float64Var(&l.LateMs, "max-late", l.LateMs, "most `MILLISECONDS` by which this machine wakes a process up too late")
	f.Float64Var(&l.TransactionsPerSecond, "min-throughput", 0, "least transactions a second with --load; 0 judges nothing")
	addTLS(cmd)
	s.format = cli.AddFormat(cmd)
	return cmd
}

func (s perfSettings) run(cmd *cobra.Command) error {
	switch {
	case s.data == "" && s.coordinator == "":
		return cli.Usagef("there is nothing to check: give --data, --coordinator or both")
	case s.load && s.data == "":
		return cli.Usagef("--load needs a disk: give --data")
	}
	r, err := s.measure(cmd)
	if err != nil {
		return err
	}
	findings := s.limits.Judge(r)
	failed := len(findings) - len(slices.DeleteFunc(slices.Clone(findings), func(f perf.Finding) bool { return !f.Pass }))
	if err := s.tell(cmd.OutOrStdout(), r, findings, failed == 0); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("not fast enough: %d of %d checks failed", failed, len(findings))
	}
	return nil
}

func (s perfSettings) measure(cmd *cobra.Command) (r perf.Results, err error) {
	ctx := cmd.Context()
	if s.data != "" {
		d, err := perf.Disk(ctx, s.data)
		if err != nil {
			return r, err
		}
		r.Disk = &d
	}
	c, err := perf.Clock(ctx)
	if err != nil {
		return r, err
	}
	r.Clock = &c
	if s.coordinator != "" {
		if r.Network, err = measureNetwork(cmd, s.coordinator); err != nil {
			return r, err
		}
	}
	if s.load {
		r.Load, err = s.runLoad(cmd)
	}
	return r, err
}

// measureNetwork asks the coordinators, and the shards that they know of.
func measureNetwork(cmd *cobra.Command, addresses string) ([]perf.PeerResult, error) {
	i, err := identityOf(cmd)
	if err != nil {
		return nil, err
	}
	ctx := cmd.Context()
	given, err := client.ParseAddresses(addresses)
	if err != nil {
		return nil, cli.Usagef("--coordinator: %w", err)
	}
	cluster, unknown := lookForDaemons(ctx, i, addresses)
	var peers []perf.Peer
	for _, t := range append(coordinatorTargets(i, given, cluster.Coordinators), shardTargets(i, nil, cluster.Shards)...) {
		peers = append(peers, perf.Peer{Name: t.Name, Address: t.Address, Secure: t.Secure})
	}
	results, err := perf.Network(ctx, peers)
	if unknown != nil {
		results = append(results, perf.PeerResult{Peer: perf.Peer{Name: "shards"}, Error: "nobody says where they are: " + cli.Sentence(unknown)})
	}
	return results, err
}

// runLoad runs a cluster of its own for a moment.
func (s perfSettings) runLoad(cmd *cobra.Command) (l *perf.LoadResult, err error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program, to start it as a daemon: %w", err)
	}
	dir, err := os.MkdirTemp(s.data, "lockstep-check-perf-")
	if err != nil {
		return nil, fmt.Errorf("make a directory to measure in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var out bytes.Buffer
	err = bench.Run(cmd.Context(), bench.Options{
		Executable: executable, Shards: 4, Workload: workload.Options{Kind: workload.Uniform, Accounts: 10_000, BlockSize: 1000, Seed: 1},
		Duration: 5 * time.Second, Pipeline: 8, Rounds: 1, Directory: dir, JSON: true, Out: &out, Err: cmd.ErrOrStderr(),
	})
	if err != nil {
		return nil, err
	}
	var measured bench.Report
	if err := json.Unmarshal(out.Bytes(), &measured); err != nil {
		return nil, fmt.Errorf("read what the load came to: %w", err)
	}
	return &perf.LoadResult{TransactionsPerSecond: measured.Throughput, BlockP50Ms: measured.Latency.P50}, nil
}

// tell prints what was found.
func (s perfSettings) tell(w io.Writer, r perf.Results, findings []perf.Finding, pass bool) error {
	if s.format.JSON() {
		return cli.WriteJSON(w, struct {
			Pass     bool           `json:"pass"`
			Findings []perf.Finding `json:"findings"`
			perf.Results
		}{pass, findings, r})
	}
	t := report.NewTable("", "check", ">measured", "limit")
	for _, f := range findings {
		t.Row(passWord(f.Pass), report.Printable(f.Check), report.Printable(cmp.Or(f.Measured, "unknown")), report.OrDash(f.Limit))
	}
	if _, err := t.WriteTo(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, f := range findings {
		if !f.Pass {
			fmt.Fprintf(w, "%s: %s\n", report.Printable(f.Check), report.Printable(f.Reason))
		}
	}
	_, err := fmt.Fprintln(w, passWord(pass))
	return err
}

func passWord(pass bool) string {
	if pass {
		return "PASS"
	}
	return "FAIL"
}
