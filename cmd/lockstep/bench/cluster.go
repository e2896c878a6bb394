package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/certset"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/process"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

const (
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

	certs        *certset.Set // nil for plaintext
	executable   string
	dir          string // "" if it ran before
	starter      *process.Starter
	lost         func(error)
	daemons      []*daemon // the coordinators first
	coordinators int       // of the daemons
}

// join takes a cluster that runs already.
func join(ctx context.Context, i *identity.Identity, addresses string) (c *cluster, err error) {
	c = &cluster{}
	if c.client, err = client.NewCoordinatorAs(i, addresses); err != nil {
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
	c := &cluster{executable: o.Executable, dir: dir, starter: process.NewStarter(), lost: lost, coordinators: max(o.Coordinators, 1)}
	var err error
	if o.TLS {
		c.certs, err = certset.New(filepath.Join(dir, "tls"))
	}
	if err == nil {
		err = c.launchAll(ctx, o.Shards)
	}
	if err == nil {
		err = c.ready(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// ready waits until all shards are, and takes the configuration.
func (c *cluster) ready(ctx context.Context) error {
	if _, err := c.await(ctx, "all shards are ready", level); err != nil {
		return err
	}
	for _, d := range c.daemons {
		if err := d.serving(ctx); err != nil {
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
	for _, d := range c.shards() {
		dirs = append(dirs, d.dir)
	}
	return dirs
}

// processes are those to be measured, with the one that submits last.
func (c *cluster) processes() (all []watched) {
	for _, d := range c.daemons {
		all = append(all, watched{d.name, d.PID(), d.pages()})
	}
	return append(all, watched{name: loadGenerator, pid: os.Getpid()})
}
