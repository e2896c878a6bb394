package demo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/client"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/demo/link"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/process"
)

const (
	anyPort = "127.0.0.1:0"
	// startTimeout bounds how long a daemon may take to serve.
	startTimeout = 30 * time.Second
	// stopTimeout is what a daemon has after SIGTERM.
	stopTimeout = 5 * time.Second
)

// cluster is the processes and the links between them.
type cluster struct {
	options Options
	space   workspace
	starter *process.Starter
	status  *statusClient
	lost    func(error) // told when a process ends by itself

	door        *link.Link // clients to coordinator
	client      *client.Coordinator
	coordinator node
	shards      []*shard
}

// node is a daemon; after a restart it is another process.
type node struct {
	*process.Process
	http string
}

// shard is a shard with its links.
type shard struct {
	id int
	node
	up    *link.Link // shard to coordinator
	peers *link.Link // peers, readers and coordinator to shard
}

func (s *shard) name() string { return shardFolder + strconv.Itoa(s.id) }

// newCluster makes the links; nothing runs yet.
func newCluster(o Options, space workspace, lost func(error)) (c *cluster, err error) {
	c = &cluster{options: o, space: space, starter: process.NewStarter(), status: newStatusClient(), lost: lost}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.door, err = link.New(); err != nil {
		return nil, err
	}
	for i := range o.Shards {
		s := &shard{id: i}
		c.shards = append(c.shards, s)
		if s.up, err = link.New(); err != nil {
			return nil, err
		}
		if s.peers, err = link.New(); err != nil {
			return nil, err
		}
	}
	c.client, err = client.NewCoordinator(c.door.Address())
	return c, err
}

// start starts all daemons and waits until they serve.
func (c *cluster) start(ctx context.Context) error {
	if err := c.startCoordinator(ctx); err != nil {
		return err
	}
	for _, s := range c.shards {
		if err := c.launchShard(s); err != nil {
			return err
		}
	}
	for _, s := range c.shards {
		if err := c.awaitShard(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// startCoordinator starts the coordinator, or starts it again, and leads the
// links to it.
func (c *cluster) startCoordinator(ctx context.Context) error {
	http := c.options.HTTP
	if http == "" {
		http = anyPort
	}
	p, err := c.starter.Start(process.Spec{
		Name: "the coordinator", Executable: c.options.Executable, Log: c.space.log(coordinatorFolder), Lost: c.lost,
		Args: []string{"coordinator", "--data", c.space.path(coordinatorFolder), "--shards", strconv.Itoa(c.options.Shards),
			"--listen", anyPort, "--http", http},
	})
	if err != nil {
		return err
	}
	c.coordinator = node{Process: p}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	api, web, err := p.Listening(ctx)
	if err != nil {
		return err
	}
	c.coordinator.http = web
	c.door.SetTarget(api)
	for _, s := range c.shards {
		s.up.SetTarget(api)
	}
	return nil
}

func (c *cluster) launchShard(s *shard) (err error) {
	s.Process, err = c.starter.Start(process.Spec{
		Name: fmt.Sprintf("shard %d", s.id), Executable: c.options.Executable, Log: c.space.log(s.name()), Lost: c.lost,
		Args: []string{"shard", "--id", strconv.Itoa(s.id), "--data", c.space.path(s.name()),
			"--coordinator", s.up.Address(), "--advertise", s.peers.Address(), "--listen", anyPort, "--http", anyPort},
	})
	return err
}

// awaitShard waits until a shard serves, and leads its peers to it.
func (c *cluster) awaitShard(ctx context.Context, s *shard) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	api, http, err := s.Listening(ctx)
	if err != nil {
		return err
	}
	s.http = http
	s.peers.SetTarget(api)
	return nil
}

// processes are those that were started, the coordinator first.
func (c *cluster) processes() []*process.Process {
	var all []*process.Process
	if c.coordinator.Process != nil {
		all = append(all, c.coordinator.Process)
	}
	for _, s := range c.shards {
		if s.Process != nil {
			all = append(all, s.Process)
		}
	}
	return all
}

// stop stops all daemons in order, and gives how long the slowest took.
func (c *cluster) stop() (slowest time.Duration, err error) {
	for _, p := range c.processes() {
		took, stopErr := p.Stop(stopTimeout)
		slowest, err = max(slowest, took), errors.Join(err, stopErr)
	}
	return slowest, err
}

// close kills what still runs and closes the links.
func (c *cluster) close() error {
	for _, p := range c.processes() {
		p.Kill()
	}
	var err error
	if c.client != nil {
		err = c.client.Close()
	}
	for _, l := range c.links() {
		err = errors.Join(err, l.Close())
	}
	c.starter.Close()
	return err
}

func (c *cluster) links() []*link.Link {
	all := []*link.Link{c.door}
	for _, s := range c.shards {
		all = append(all, s.up, s.peers)
	}
	made := all[:0]
	for _, l := range all {
		if l != nil {
			made = append(made, l)
		}
	}
	return made
}
