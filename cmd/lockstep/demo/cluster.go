package demo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/certset"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/demo/link"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/process"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
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
	certs   *certset.Set // nil for plaintext
	lost    func(error)  // told when a process ends by itself

	client       *client.Coordinator
	coordinators []*coordinator
	shards       []*shard
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
	up    way        // shard to coordinators
	peers *link.Link // peers, readers and coordinator to shard
}

func (s *shard) name() string { return shardFolder + strconv.Itoa(s.id) }

// way is the links from a shard to all coordinators, in their order.
type way []*link.Link

func (w way) Open() { w.each((*link.Link).Open) }
func (w way) Hold() { w.each((*link.Link).Hold) }
func (w way) Cut()  { w.each((*link.Link).Cut) }

func (w way) each(do func(*link.Link)) {
	for _, l := range w {
		do(l)
	}
}

// newCluster makes the links; nothing runs yet.
func newCluster(o Options, space workspace, lost func(error)) (c *cluster, err error) {
	c = &cluster{options: o, space: space, starter: process.NewStarter(), lost: lost}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if o.TLS {
		if c.certs, err = certset.New(space.path(tlsFolder)); err != nil {
			return nil, err
		}
	}
	c.status = newStatusClient(c.certs)
	if err := c.openDoors(); err != nil {
		return nil, err
	}
	for i := range o.Shards {
		s := &shard{id: i}
		c.shards = append(c.shards, s)
		for range c.coordinators {
			up, err := link.New()
			if err != nil {
				return nil, err
			}
			s.up = append(s.up, up)
		}
		if s.peers, err = link.New(); err != nil {
			return nil, err
		}
	}
	c.client, err = client.NewCoordinatorAs(c.certs.Client(), strings.Join(c.doors(), ","))
	return c, err
}

// start starts all daemons and waits until they serve.
func (c *cluster) start(ctx context.Context) error {
	leader, err := c.startCoordinators(ctx)
	if err != nil {
		return err
	}
	for _, s := range c.shards {
		if err := c.launchShard(s, leader); err != nil {
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

// launchShard starts a shard that tries one of the coordinators first.
func (c *cluster) launchShard(s *shard, first int) (err error) {
	var ways []string
	for i := range s.up {
		ways = append(ways, s.up[(first+i)%len(s.up)].Address())
	}
	secured, err := c.certs.Flags(identity.Shard, strconv.Itoa(s.id))
	if err != nil {
		return err
	}
	s.Process, err = c.starter.Start(process.Spec{
		Name: fmt.Sprintf("shard %d", s.id), Executable: c.options.Executable, Log: c.space.log(s.name()), Lost: c.lost,
		Args: append([]string{"shard", "--id", strconv.Itoa(s.id), "--data", c.space.path(s.name()),
			"--coordinator", strings.Join(ways, ","), "--advertise", s.peers.Address(), "--listen", anyPort, "--http", anyPort}, secured...),
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

// processes are those that were started, coordinators first.
func (c *cluster) processes() []*process.Process {
	var all []*process.Process
	for _, m := range c.coordinators {
		if m.Process != nil {
			all = append(all, m.Process)
		}
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
	for _, m := range c.coordinators {
		err = errors.Join(err, m.disconnect())
	}
	for _, l := range c.links() {
		err = errors.Join(err, l.Close())
	}
	c.starter.Close()
	return err
}

func (c *cluster) links() []*link.Link {
	var all []*link.Link
	for _, m := range c.coordinators {
		all = append(all, m.door)
	}
	for _, s := range c.shards {
		all = append(append(all, s.up...), s.peers)
	}
	made := all[:0]
	for _, l := range all {
		if l != nil {
			made = append(made, l)
		}
	}
	return made
}
