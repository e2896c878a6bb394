package main

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/serve"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/telemetry"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
)

const (
	// idlePart is the part of --checkpoint-age after which everything is
	// checkpointed when no block follows: 500 ms by default.
	idlePart = 20
	// backlog is how many times --checkpoint-bytes may wait for a checkpoint
	// before executions wait for it too.
	backlog = 8
	// mostCheckpointBytes is more memory than there is.
	mostCheckpointBytes = 1 << 40
)

// shardSettings are the flags of shard.
type shardSettings struct {
	options                 executor.Options
	id                      int
	listen, advertise, http string
	coordinators            string
	debug                   debugSettings
	tracing                 tracingSettings
	security                securitySettings
}

func newShardSettings() *shardSettings {
	return &shardSettings{options: executor.Options{Machine: ledger.Machine{}}}
}

func shardCommand() *cobra.Command {
	s := newShardSettings()
	cmd := &cobra.Command{
		Use:     "shard",
		GroupID: groupRun,
		Short:   "Run a shard",
		Long: `Run one shard of a cluster. While its coordinator cannot be reached it keeps what
is prepared, serves reads of committed state, and dials again.`,
		Example: "  lockstep shard --id 0 --data /var/lib/lockstep/shard0 --coordinator 127.0.0.1:7400",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	s.addFlags(cmd)
	return cmd
}

func (s *shardSettings) addFlags(cmd *cobra.Command) {
	cli.AddConfig(cmd)
	f := cmd.Flags()
	f.IntVar(&s.id, "id", -1, "number of the shard, from 0")
	f.StringVar(&s.options.Directory, "data", "", "data `DIR`; made if it does not exist")
	f.StringVar(&s.coordinators, "coordinator", "", "`ADDRESSES` of the coordinators, HOST:PORT[,...]; the one that leads is found")
	f.StringVar(&s.listen, "listen", "127.0.0.1:0", "`ADDRESS` for peers and readers")
	f.StringVar(&s.advertise, "advertise", "", "`ADDRESS` by which they reach it, if not the one it listens on")
	f.StringVar(&s.http, "http", "", "`ADDRESS` for health, metrics and status; empty for none")
	s.security.addFlags(f)
	f.Int64Var(&s.options.MinFreeBytes, "min-free-bytes", 128<<20, "free disk space below which the shard refuses to prepare; negative for none")
	f.DurationVar(&s.options.Runner.PeerTimeout, "peer-timeout", 0, "how long a peer may stay away before an attempt that needs it is refused (default 3s)")
	f.DurationVar(&s.options.Checkpoint.MaxAge, "checkpoint-age", 10*time.Second, "how long a committed block waits for the database at most, while others follow")
	f.Int64Var(&s.options.Checkpoint.MaxBytes, "checkpoint-bytes", 32<<20, "memory of committed blocks from which they do not wait that long")
	f.IntVar(&s.options.Runner.Workers, "workers", 0, "goroutines that execute a block (default one per core)")
	s.debug.addFlags(cmd)
	s.tracing.addFlags(cmd)
	cli.Require(cmd, "id", "data", "coordinator")
}

// validate finds what is wrong with the settings by themselves, and works out
// what follows from them.
func (s *shardSettings) validate() (err error) {
	if s.id < 0 || s.id >= protocol.MaxShards {
		return cli.Usagef("--id must be between 0 and %d, not %d", protocol.MaxShards-1, s.id)
	}
	cp := s.options.Checkpoint
	if err := cmp.Or(
		positive("checkpoint-age", cp.MaxAge), positive("checkpoint-bytes", cp.MaxBytes),
		notNegative("peer-timeout", s.options.Runner.PeerTimeout), notNegative("workers", s.options.Runner.Workers),
	); err != nil {
		return err
	}
	if cp.MaxBytes > mostCheckpointBytes {
		return cli.Usagef("--checkpoint-bytes must be at most %d, not %d", int64(mostCheckpointBytes), cp.MaxBytes)
	}
	s.options.Checkpoint.IdleAfter = cp.MaxAge / idlePart
	s.options.Runner.BacklogBytes = backlog * cp.MaxBytes
	s.options.Shard = protocol.ShardID(s.id)
	if s.options.Coordinators, err = client.ParseAddresses(s.coordinators); err != nil {
		return cli.Usagef("--coordinator must be HOST:PORT[,...], not %q: %w", s.coordinators, err)
	}
	return cmp.Or(s.tracing.validate(), checkAddresses(s.listen, s.http), s.security.check(s.listen, s.http))
}

func (s *shardSettings) run(cmd *cobra.Command) error {
	if err := s.validate(); err != nil {
		return err
	}
	s.debug.keepLog(cmd)
	security, err := s.security.open(cli.Logger(cmd.Context()), s.listen, s.http)
	if err != nil {
		return err
	}
	listener, err := serve.Listen("listen", s.listen)
	if err != nil {
		return err
	}
	s.options.Identity, s.options.Insecure = security.Identity, security.Insecure
	if s.options.Address = s.advertise; s.advertise == "" {
		s.options.Address = listener.Addr().String()
	}
	s.options.Logger = cli.Logger(cmd.Context()).Named("shard").With("shard", s.id)
	metrics := telemetry.NewShard(build())
	metrics.Secured(security.Security)
	s.options.LogForced, s.options.Watch = metrics.LogForced, metrics.Watch()
	pulse := &serve.Pulse{}
	s.options.Pulse = pulse
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	go serve.TuneCollector(ctx)
	traces, err := s.tracing.start(cmd, "shard", strconv.Itoa(s.id))
	if err != nil {
		listener.Close()
		return err
	}
	s.options.Tracer = traces.Tracer()
	shard, err := executor.Open(s.options)
	if err != nil {
		listener.Close()
		traces.Close()
		return refusedOr(err)
	}
	return host{daemon: shard, listener: listener, http: s.http, tracing: traces, debug: &s.debug, pulse: pulse, security: security, endpoints: serve.Endpoints{
		Metrics: metrics.Registry(shard),
		Status:  func(context.Context) (any, error) { return report.ShardOf(shard.Entry()), nil },
	}}.run(cmd)
}
