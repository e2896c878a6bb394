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

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/serve"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

const (
	// endTimeout is how long a daemon may take to end in order.
	endTimeout = 5 * time.Second
	// supervisorPatience bounds the last word to a supervisor.
	supervisorPatience = 200 * time.Millisecond
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
	security  security
	hung      <-chan struct{} // closed when the disk hangs, and with it perhaps the end of the daemon
}

func (h host) run(cmd *cobra.Command) error {
	serve.RelaxTimers()
	log := cli.Logger(cmd.Context())
	h.endpoints.Log, h.endpoints.Ready = log, h.daemon.Ready
	h.endpoints.Identity, h.endpoints.OpenProbes = h.security.Identity, h.security.openProbes
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
	err = errors.Join(err, rpc.Host(ctx, h.listener, ending{h.daemon, cancel}, rpc.ServerOptions{Logger: log, Identity: h.security.Identity}), <-webEnded)
	cancel()
	select {
	case <-told:
	case <-time.After(supervisorPatience):
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

// ending is a daemon that tells when it runs no more, so that nobody asks it for
// anything while it is closed.
type ending struct {
	daemon
	tell func()
}

// Run implements rpc.Node.
func (e ending) Run(ctx context.Context) error {
	defer e.tell()
	return e.daemon.Run(ctx)
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
