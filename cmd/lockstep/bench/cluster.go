package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/client"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/process"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

const (
	anyPort = "127.0.0.1:0"
	// startTimeout bounds how long a daemon may take to serve.
	startTimeout = 30 * time.Second
	// stopTimeout is what a daemon has after SIGTERM.
	stopTimeout = 5 * time.Second
	// joinTimeout bounds how long a cluster that should run may not be reached.
	joinTimeout = 10 * time.Second
	// lookEvery is how often the cluster is asked whether it has got there.
	lookEvery = 20 * time.Millisecond
	// awaitTimeout bounds every wait for the cluster.
	awaitTimeout = 3 * time.Minute
)

// cluster is what is measured. Of one that ran before it has the client only.
type cluster struct {
	client *client.Coordinator
	config protocol.Config

	dir     string // "" if it ran before
	starter *process.Starter
	daemons []daemon // the coordinators first
	shards  int      // of the daemons
}

// daemon is a process of the cluster, under its name in reports.
type daemon struct {
	name string
	http string // where it serves HTTP, once all are ready
	*process.Process
}

// join takes a cluster that runs already.
func join(ctx context.Context, addresses string) (c *cluster, err error) {
	c = &cluster{}
	if c.client, err = client.NewCoordinator(addresses); err != nil {
		return nil, cli.Usagef("--coordinator: %w", err)
	}
	_, err = c.client.AwaitLimits(ctx, joinTimeout, nil)
	if err == nil {
		err = c.ready(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// start starts a cluster in an empty directory. A process that ends by itself
// is told to lost.
func start(ctx context.Context, o Options, dir string, lost func(error)) (*cluster, error) {
	c := &cluster{dir: dir, starter: process.NewStarter(), shards: o.Shards}
	err := c.launchAll(ctx, o, lost)
	if err == nil {
		err = c.ready(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *cluster) launchAll(ctx context.Context, o Options, lost func(error)) error {
	coordinators, err := c.launchCoordinators(ctx, o, lost)
	if err != nil {
		return err
	}
	for i := range o.Shards {
		if _, err := c.launch(o.Executable, "shard"+strconv.Itoa(i), anyPort, lost, "shard", "--id", strconv.Itoa(i), "--coordinator", coordinators); err != nil {
			return err
		}
	}
	c.client, err = client.NewCoordinator(coordinators)
	return err
}

// launchCoordinators gives the addresses of the coordinators, once they serve.
func (c *cluster) launchCoordinators(ctx context.Context, o Options, lost func(error)) (addresses string, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	args := []string{"coordinator", "--shards", strconv.Itoa(o.Shards)}
	if o.Coordinators < 2 {
		p, err := c.launch(o.Executable, "coordinator", anyPort, lost, args...)
		if err != nil {
			return "", err
		}
		addresses, _, err = p.Listening(ctx)
		return addresses, err
	}
	free, err := freeAddresses(o.Coordinators)
	if err != nil {
		return "", err
	}
	var peers []string
	for i, address := range free {
		peers = append(peers, fmt.Sprintf("c%d=%s", i+1, address))
	}
	for i, address := range free {
		member := slices.Concat(args, []string{"--name", fmt.Sprintf("c%d", i+1), "--peers", strings.Join(peers, ",")})
		p, err := c.launch(o.Executable, fmt.Sprintf("coordinator%d", i+1), address, lost, member...)
		if err != nil {
			return "", err
		}
		if _, _, err := p.Listening(ctx); err != nil {
			return "", err
		}
	}
	return strings.Join(free, ","), nil
}

// freeAddresses gives different addresses of this machine at which nobody listens.
// A coordinator that finds its own taken meanwhile says so and ends.
func freeAddresses(n int) (all []string, err error) {
	for range n {
		listener, err := net.Listen("tcp", anyPort)
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close()
		all = append(all, listener.Addr().String())
	}
	return all, nil
}

func (c *cluster) launch(executable, name, listen string, lost func(error), args ...string) (*process.Process, error) {
	p, err := c.starter.Start(process.Spec{
		Name: name, Executable: executable, Log: filepath.Join(c.dir, name+".log"), Lost: lost,
		Args: append(args, "--data", filepath.Join(c.dir, name), "--listen", listen, "--http", anyPort),
	})
	if err != nil {
		return nil, err
	}
	c.daemons = append(c.daemons, daemon{name: name, Process: p})
	return p, nil
}

// ready waits until all shards are, and takes the configuration.
func (c *cluster) ready(ctx context.Context) error {
	if _, err := c.await(ctx, "all shards are ready", level); err != nil {
		return err
	}
	for i := range c.daemons {
		var err error
		if _, c.daemons[i].http, err = c.daemons[i].Listening(ctx); err != nil {
			return err
		}
	}
	s, err := c.client.Status(ctx)
	if err != nil {
		return err
	}
	if c.config, err = wire.ParseConfig(s.GetConfig()); err != nil {
		return fmt.Errorf("the coordinator's configuration is not of this version: %w", err)
	}
	return nil
}

// await asks the coordinator until its status is as wanted, and gives it. Until
// it answers at all, that it does not is only what the wait is for.
func (c *cluster) await(ctx context.Context, what string, holds func(report.Cluster) bool) (report.Cluster, error) {
	bounded, cancel := context.WithTimeout(ctx, awaitTimeout)
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		s, err := c.client.Status(bounded)
		now := report.ClusterOf(s)
		switch {
		case err == nil && holds(now):
			return now, nil
		case err == nil && now.Quarantined != "":
			return now, fmt.Errorf("the coordinator is in quarantine: %s", now.Quarantined)
		}
		select {
		case <-ticker.C:
		case <-bounded.Done():
			if ctx.Err() != nil {
				return now, context.Cause(ctx)
			}
			return now, errors.Join(fmt.Errorf("waited %v until %s, in vain: see \"lockstep status\"", awaitTimeout, what), err)
		}
	}
}

// level reports whether nothing is under way and all shards are at one height.
func level(c report.Cluster) bool {
	if len(c.InFlight) > 0 || c.QueuedBlocks > 0 || len(c.Shards) == 0 {
		return false
	}
	for _, s := range c.Shards {
		if s.State != "ready" || s.CommittedHeight != c.Height || len(s.Prepared) > 0 {
			return false
		}
	}
	return true
}

// checkpointed reports whether moreover all of it is in the databases.
func checkpointed(c report.Cluster) bool {
	for _, s := range c.Shards {
		if s.CheckpointedHeight != c.Height {
			return false
		}
	}
	return level(c)
}

// stop ends the daemons in order, the shards first.
func (c *cluster) stop() error {
	var all error
	for i := len(c.daemons) - 1; i >= 0; i-- {
		_, err := c.daemons[i].Stop(stopTimeout)
		all = errors.Join(all, err)
	}
	return all
}

// close kills what still runs, and closes the connection.
func (c *cluster) close() error {
	for _, d := range c.daemons {
		d.Kill()
	}
	if c.starter != nil {
		c.starter.Close()
	}
	if c.client == nil {
		return nil
	}
	return c.client.Close()
}

// shardDirectories are the data directories, by shard.
func (c *cluster) shardDirectories() (dirs []string) {
	for _, d := range c.daemons[len(c.daemons)-c.shards:] {
		dirs = append(dirs, filepath.Join(c.dir, d.name))
	}
	return dirs
}

// processes are those to be measured, with the one that submits last.
func (c *cluster) processes() (all []watched) {
	for _, d := range c.daemons {
		all = append(all, watched{d.name, d.PID(), d.http})
	}
	return append(all, watched{name: loadGenerator, pid: os.Getpid()})
}
