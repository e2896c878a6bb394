package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/diagnose"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/serve"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

const (
	// endTimeout is how long a daemon may take to end in order.
	endTimeout = 5 * time.Second
	// supervisorPatience bounds the last word to a supervisor.
	supervisorPatience = 200 * time.Millisecond
	// unreadyAfter is how long the loop of a daemon may take over one step before it
	// says that it cannot do its work: usually its disk hangs.
	unreadyAfter = 5 * time.Second
	// stuckAfter is how long until it says that nothing but a restart helps. A force
	// on a disk that is ill may take a minute and end well.
	stuckAfter = 2 * time.Minute
)

// daemon is what the coordinator and a shard have in common.
type daemon interface {
	rpc.Node
	Ready() error
}

// host serves a daemon until it is told to stop or fails.
type host struct {
	daemon    daemon
	listener  net.Listener
	http      string // address; "" for none
	endpoints serve.Endpoints
	debug     *debugSettings
	pulse     *serve.Pulse   // of the loop of the daemon
	tracing   *serve.Tracing // nil traces nothing
	security  security
	hung      <-chan struct{} // closed when the disk hangs, and with it perhaps the end of the daemon
}

func (h host) run(cmd *cobra.Command) error {
	serve.RelaxTimers()
	defer h.tracing.Close()
	log := cli.Logger(cmd.Context())
	h.endpoints.Log, h.endpoints.Ready, h.endpoints.Live = log, h.ready, h.live
	h.endpoints.Identity, h.endpoints.OpenProbes, h.endpoints.Refusals = h.security.Identity, h.security.openProbes, h.security.Refusals
	var web *serve.HTTP
	if h.http != "" {
		var err error
		if web, err = serve.ListenHTTP(h.http, h.endpoints); err != nil {
			return errors.Join(err, h.listener.Close(), h.daemon.Close())
		}
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	webEnded := make(chan error, 1)
	go func() {
		defer cancel()
		webEnded <- runWeb(ctx, web)
	}()
	go h.security.watch(ctx)
	over := make(chan struct{})
	defer close(over)
	go h.endAnyway(cmd.ErrOrStderr(), over)
	err := serve.Announce(cmd.OutOrStdout(), h.listener.Addr(), web.Addr())
	if err != nil {
		cancel()
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		serve.TellSupervisor(ctx, log, h.describe)
	}()
	err = errors.Join(err, rpc.Host(ctx, h.listener, hosted{h.daemon, h.debug.service(cmd, h), h.ready, cancel}, rpc.ServerOptions{Logger: log, Stats: h.tracing.Server(), Identity: h.security.Identity, Refusals: h.security.Refusals}), <-webEnded)
	cancel()
	select {
	case <-told:
	case <-time.After(supervisorPatience):
	}
	return refusedOr(err)
}

// ready says why the daemon cannot do its work for now; nil if it can.
func (h host) ready() error {
	if busy := h.pulse.Busy(); busy > unreadyAfter {
		return fmt.Errorf("it has been busy with one step for %s: see to its disk, which may hang", busy.Round(time.Second))
	}
	return h.daemon.Ready()
}

// live says why nothing but a restart helps; nil if something else may.
func (h host) live() error {
	if busy := h.pulse.Busy(); busy > stuckAfter {
		return fmt.Errorf("it has been busy with one step for %s: restart it, and see to its disk", busy.Round(time.Second))
	}
	return nil
}

// describe says in a few words what the daemon does.
func (h host) describe() string {
	text := "serving " + h.listener.Addr().String() + ", "
	if err := h.ready(); err != nil {
		return text + "not ready: " + err.Error()
	}
	return text + h.endpoints.ReadyText()
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

// runWeb serves HTTP until ctx ends; a nil web only waits.
func runWeb(ctx context.Context, web *serve.HTTP) error {
	if web == nil {
		<-ctx.Done()
		return nil
	}
	return web.Run(ctx)
}

// hosted is a daemon as it is served: with what it tells of itself, ready only if its
// loop goes on, and telling when it runs no more, so that nobody asks it for anything
// while it is closed.
type hosted struct {
	daemon
	debug *diagnose.Service
	fit   func() error
	ended func()
}

// Register implements rpc.Node.
func (n hosted) Register(r grpc.ServiceRegistrar) {
	n.daemon.Register(r)
	n.debug.Register(r)
}

// Ready says why the daemon cannot do its work for now.
func (n hosted) Ready() error { return n.fit() }

// Run implements rpc.Node.
func (n hosted) Run(ctx context.Context) error {
	defer n.ended()
	return n.daemon.Run(ctx)
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
