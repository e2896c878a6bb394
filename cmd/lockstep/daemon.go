package main

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

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
}

func (h host) run(cmd *cobra.Command) error {
	serve.RelaxTimers()
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
	server := rpc.NewServer(rpc.ServerOptions{Logger: log})
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
	err := serve.Announce(cmd.OutOrStdout(), h.listener.Addr(), web.Addr())
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
	return refusedOr(err)
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
