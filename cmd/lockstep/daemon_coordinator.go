package main

import (
	"cmp"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/dashboard"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/serve"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/telemetry"
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/members"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
)

// coordinatorSettings are the flags of coordinator.
type coordinatorSettings struct {
	options      coordinator.Options
	listen, http string
	peers        []string
	debug        debugSettings
	tracing      tracingSettings
	security     securitySettings
}

func newCoordinatorSettings() *coordinatorSettings {
	return &coordinatorSettings{options: coordinator.Options{Limits: protocol.DefaultLimits()}}
}

func coordinatorCommand() *cobra.Command {
	s := newCoordinatorSettings()
	cmd := &cobra.Command{
		Use:     "coordinator",
		GroupID: groupRun,
		Short:   "Run the coordinator",
		Long: `Run the coordinator of a cluster: it orders blocks, has the shards execute them,
and decides. Started on an empty directory it makes a new cluster.

Three or five coordinators, each with the same --peers, replicate what they decide:
one leads, and another takes over when it is gone. "lockstep cluster" shows and
changes who they are.`,
		Example: `  lockstep coordinator --data /var/lib/lockstep/coordinator --shards 4
  lockstep coordinator --data /var/lib/lockstep/c1 --shards 4 --listen 10.0.0.1:7400 --name c1 \
    --peers c1=10.0.0.1:7400,c2=10.0.0.2:7400,c3=10.0.0.3:7400`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	s.addFlags(cmd)
	return cmd
}

func (s *coordinatorSettings) addFlags(cmd *cobra.Command) {
	cli.AddConfig(cmd)
	f := cmd.Flags()
	f.StringVar(&s.options.Directory, "data", "", "data `DIR`; made if it does not exist")
	f.IntVar(&s.options.Shards, "shards", 0, "number of shards; fixed once the cluster is made")
	f.StringVar(&s.options.Name, "name", "", "`NAME` of this coordinator among several; never used again once it was removed")
	f.StringVar(&s.options.Address, "advertise", "", "`ADDRESS` at which clients, shards and other coordinators reach it; empty for that of --listen")
	f.StringSliceVar(&s.peers, "peers", nil, "coordinators that a new cluster begins with, this one too, as `NAME=ADDRESS`, with commas between")
	f.BoolVar(&s.options.Join, "join", false, "wait in an empty directory until the cluster adds this coordinator")
	f.StringVar(&s.listen, "listen", "127.0.0.1:7400", "`ADDRESS` for clients and shards")
	f.StringVar(&s.http, "http", "127.0.0.1:7480", "`ADDRESS` of the dashboard, for health, metrics and status; empty for none")
	f.IntVar(&s.options.Protocol.Window, "window", protocol.DefaultWindow, "most heights in flight")
	f.IntVar(&s.options.Protocol.QueueBlocks, "queue-blocks", 1024, "most blocks taken up and not decided")
	f.Int64Var(&s.options.Protocol.QueueBytes, "queue-bytes", 256<<20, "most bytes of them")
	f.DurationVar(&s.options.DefaultTimeout, "block-timeout", time.Minute, "how long a block may take whose client names no bound")
	f.IntVar(&s.options.Batch.Transactions, "batch-transactions", 1000, "most transactions of a block that the coordinator makes")
	f.DurationVar(&s.options.Batch.Wait, "batch-wait", 5*time.Millisecond, "most time that its first transaction waits")
	f.Int64Var(&s.options.MinFreeBytes, "min-free-bytes", 128<<20, "free disk space below which no block is taken up; negative for none")
	f.DurationVar(&s.options.DiskPatience, "disk-timeout", 5*time.Second, "how long a leader of several waits for its disk before it ends, so that another one leads")
	s.debug.addFlags(cmd)
	s.tracing.addFlags(cmd)
	s.security.addFlags(f)
	limits := &s.options.Limits
	f.IntVar(&limits.KeyBytes, "max-key-bytes", limits.KeyBytes, "longest key, of a new cluster")
	f.IntVar(&limits.ValueBytes, "max-value-bytes", limits.ValueBytes, "longest value, of a new cluster")
	f.IntVar(&limits.TransactionKeys, "max-transaction-keys", limits.TransactionKeys, "most keys of a transaction, of a new cluster")
	f.IntVar(&limits.BlockBytes, "max-block-bytes", limits.BlockBytes, "largest block, of a new cluster")
	f.IntVar(&limits.BlockTransactions, "max-block-transactions", limits.BlockTransactions, "most transactions of a block, of a new cluster")
	cli.Require(cmd, "data")
}

// validate finds what is wrong with the settings by themselves.
func (s *coordinatorSettings) validate() (err error) {
	if s.options.Protocol.Window < 1 || s.options.Protocol.Window > protocol.MaxWindow {
		return cli.Usagef("--window must be between 1 and %d, not %d", protocol.MaxWindow, s.options.Protocol.Window)
	}
	if s.options.Shards < 0 || s.options.Shards > protocol.MaxShards {
		return cli.Usagef("--shards must be between 1 and %d, not %d", protocol.MaxShards, s.options.Shards)
	}
	o := s.options
	if err := cmp.Or(
		notNegative("queue-blocks", o.Protocol.QueueBlocks), notNegative("queue-bytes", o.Protocol.QueueBytes),
		notNegative("block-timeout", o.DefaultTimeout),
		notNegative("batch-transactions", o.Batch.Transactions), notNegative("batch-wait", o.Batch.Wait),
		positive("disk-timeout", s.options.DiskPatience),
	); err != nil {
		return err
	}
	if err := s.options.Limits.Validate(); err != nil {
		return cli.Usage(err)
	}
	if s.options.Members, err = parsePeers(s.peers); err != nil {
		return err
	}
	return cmp.Or(s.tracing.validate(), checkAddresses(s.listen, s.http), s.security.check(s.listen, s.http))
}

func (s *coordinatorSettings) run(cmd *cobra.Command) error {
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
	if s.options.Address == "" {
		s.options.Address = advertised(listener.Addr())
	}
	s.options.Logger = cli.Logger(cmd.Context()).Named("coordinator")
	metrics := telemetry.NewCoordinator(build())
	metrics.Secured(security.Security)
	s.options.LogForced, s.options.Observe = metrics.LogForced, metrics.Watch
	pulse := &serve.Pulse{}
	s.options.Pulse = pulse
	traces, err := s.tracing.start(cmd, "coordinator", cmp.Or(s.options.Name, replica.DefaultName))
	if err != nil {
		listener.Close()
		return err
	}
	s.options.Tracer, s.options.ReadShards = traces.Tracer(), traces.Client()
	c, err := coordinator.Open(s.options)
	if err != nil {
		listener.Close()
		traces.Close()
		return refusedOr(err)
	}
	m := manage(c, security.Identity, members.New(members.Options{
		Identity: security.Identity,
		Group:    c.Replica(), Address: s.options.Address, Logger: s.options.Logger.Named("members"), Pause: c.Pause, ShortOfSpace: c.ShortOfSpace,
	}), s.options.Logger.Named("dashboard"))
	return host{daemon: m, listener: listener, http: s.http, tracing: traces, debug: &s.debug, pulse: pulse, security: security, hung: c.Replica().Hung(), endpoints: serve.Endpoints{
		ReadyAs: m.readyAs, Status: m.status, Other: m.dashboard, Feeds: dashboard.IsFeed, Metrics: metrics.Registry(m),
	}}.run(cmd)
}

// parsePeers reads NAME=ADDRESS.
func parsePeers(list []string) (members []replica.Member, err error) {
	for _, entry := range list {
		name, address, ok := strings.Cut(strings.TrimSpace(entry), "=")
		if !ok || name == "" || address == "" {
			return nil, cli.Usagef("--peers: %q is not NAME=ADDRESS", entry)
		}
		members = append(members, replica.Member{Name: name, Address: address})
	}
	return members, nil
}

// advertised is the address of a listener, if others can reach it there.
func advertised(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok || tcp.IP.IsUnspecified() {
		return ""
	}
	return tcp.String()
}
