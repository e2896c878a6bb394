package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/serve"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

const (
	// stopTimeout bounds how long a daemon waits for calls under way when it is
	// told to stop.
	stopTimeout = 2 * time.Second
	// stopLeast is left of it if all else took long, so that the whole takes at
	// most 5 s, as is promised.
	stopLeast  = 200 * time.Millisecond
	endTimeout = 5*time.Second - 2*stopLeast
	// healthEvery is how often the health service is told whether the daemon is ready.
	healthEvery = 500 * time.Millisecond
)

// daemon is what the coordinator and a shard have in common.
type daemon interface {
	Register(grpc.ServiceRegistrar)
	Run(context.Context) error
	Close() error
	Ready() error
}

// host serves a daemon until it is told to stop or fails.
type host struct {
	daemon    daemon
	listener  net.Listener
	http      string // address; "" for none
	endpoints serve.Endpoints
	tracing   *serve.Tracing  // nil traces nothing
	hung      <-chan struct{} // closed when the disk hangs, and with it perhaps the end of the daemon
}

func (h host) run(cmd *cobra.Command) error {
	serve.RelaxTimers()
	defer h.tracing.Close()
	log := cli.Logger(cmd.Context())
	h.endpoints.Log, h.endpoints.Ready = log, h.daemon.Ready
	var web *serve.HTTP
	if h.http != "" {
		var err error
		if web, err = serve.ListenHTTP(h.http, h.endpoints); err != nil {
			return errors.Join(err, h.listener.Close(), h.daemon.Close())
		}
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	server := rpc.NewServer(rpc.ServerOptions{Logger: log, Stats: h.tracing.Server()})
	h.daemon.Register(server.Server)
	parts := 1
	ended := make(chan error, 3)
	listener := serve.NewCuttable(h.listener)
	go func() { ended <- server.Serve(listener) }()
	if web != nil {
		parts++
		go func() { ended <- web.Run(ctx) }()
	}
	daemonEnded := make(chan error, 1)
	go func() { daemonEnded <- h.daemon.Run(ctx) }()
	go h.tellHealth(ctx, server)
	over := make(chan struct{})
	defer close(over)
	go h.endAnyway(cmd.ErrOrStderr(), over)
	err := serve.Announce(cmd.OutOrStdout(), h.listener.Addr(), web.Addr())
	told := make(chan struct{})
	go func() {
		defer close(told)
		serve.TellSupervisor(ctx, log, h.describe)
	}()
	if err == nil {
		err = await(ctx, ended, &parts, daemonEnded)
	}
	cancel()
	began := time.Now()
	err = errors.Join(err, <-daemonEnded) // a coordinator hands over before it ends
	stopping, stopped := context.WithTimeout(context.Background(), max(stopLeast, min(stopTimeout, endTimeout-time.Since(began))))
	defer stopped()
	defer context.AfterFunc(stopping, listener.Cut)()
	err = errors.Join(err, h.daemon.Close())
	server.Shutdown(stopping)
	for range parts {
		err = errors.Join(err, <-ended)
	}
	select {
	case <-told:
	case <-stopping.Done():
	}
	return refusedOr(err)
}

// describe says in a few words what the daemon does.
func (h host) describe() string {
	text := "serving " + h.listener.Addr().String() + ", "
	if err := h.daemon.Ready(); err != nil {
		return text + "not ready: " + err.Error()
	}
	return text + h.endpoints.ReadyText()
}

// tellHealth has the gRPC health service say what /readyz says, until ctx ends.
func (h host) tellHealth(ctx context.Context, server *rpc.Server) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for {
		now := grpc_health_v1.HealthCheckResponse_SERVING
		if h.daemon.Ready() != nil {
			now = grpc_health_v1.HealthCheckResponse_NOT_SERVING
		}
		server.Health.SetServingStatus("", now) // ignored once the server shuts down
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// endAnyway ends the process if the disk hangs and the daemon cannot end in order,
// because it waits for the disk. Nothing is lost that a crash would not lose.
func (h host) endAnyway(w io.Writer, over <-chan struct{}) {
	select {
	case <-h.hung: // a nil channel never is
	case <-over:
		return
	}
	timer := time.NewTimer(endTimeout)
	defer timer.Stop()
	select {
	case <-timer.C:
		fmt.Fprintln(w, "lockstep: the disk hangs, and the daemon cannot even stop: see to the disk, then start it again")
		os.Exit(cli.ExitFailed)
	case <-over:
	}
}

// await waits until ctx ends, or the daemon does, or one of its servers fails.
func await(ctx context.Context, ended <-chan error, parts *int, daemonEnded chan error) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-daemonEnded:
		daemonEnded <- nil // for whoever waits for the end
		return err
	case err := <-ended:
		*parts--
		if err == nil && ctx.Err() == nil {
			err = errors.New("a server ended by itself")
		}
		return err
	}
}

// refusedOr gives damage and divergence their exit code.
func refusedOr(err error) error {
	if recovery.IsDamage(err) {
		return cli.Refused(err)
	}
	return err
}

// checkAddresses refuses what can be no address to listen on.
func checkAddresses(listen, http string) error {
	err := serve.CheckAddress("listen", listen)
	if err == nil && http != "" {
		err = serve.CheckAddress("http", http)
	}
	return cli.Usage(err)
}

// metrics makes a registry with what every process has.
func metrics(own ...prometheus.Collector) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(own...)
	return r
}

// counter reads a sum that only grows when it is asked for.
func counter(name, help string, read func() float64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "lockstep", Name: name, Help: help}, read)
}

// forces measures the forces of a log: the histogram, and what feeds it.
func forces() (prometheus.Collector, func(time.Duration)) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: "lockstep", Name: "log_force_seconds", Help: "How long forcing the log to disk took.",
		Buckets: prometheus.ExponentialBuckets(100e-6, 2, 16), // 0.1 ms to 3.3 s
	})
	return h, func(took time.Duration) { h.Observe(took.Seconds()) }
}

// gauge reads a figure when it is asked for.
func gauge(name, help string, read func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "lockstep", Name: name, Help: help}, read)
}
