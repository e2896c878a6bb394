package demo

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/certset"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/demo/link"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/process"
	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// coordinator is a coordinator with its link. Among several it has a name.
type coordinator struct {
	name   string // "" if it is the only one
	folder string
	node
	door *link.Link          // everybody but shards, and shards that are sent there, to it
	self *client.Coordinator // straight to the process; nil if it is the only one
}

// title is what the story calls it.
func (m *coordinator) title() string {
	if m.name == "" {
		return "the coordinator"
	}
	return m.name
}

func (m *coordinator) disconnect() error {
	if m.self == nil {
		return nil
	}
	return m.self.Close()
}

// openDoors makes the coordinators with their links.
func (c *cluster) openDoors() (err error) {
	for i := range max(c.options.Coordinators, 1) {
		m := &coordinator{folder: coordinatorFolder}
		if c.options.several() {
			m.name, m.folder = fmt.Sprintf("c%d", i+1), coordinatorFolder+strconv.Itoa(i+1)
		}
		c.coordinators = append(c.coordinators, m)
		if m.door, err = link.New(); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) doors() (all []string) {
	for _, m := range c.coordinators {
		all = append(all, m.door.Address())
	}
	return all
}

// startCoordinators starts all coordinators, and gives the one that leads.
func (c *cluster) startCoordinators(ctx context.Context) (leader int, err error) {
	for i := range c.coordinators {
		if err := c.startCoordinator(ctx, i); err != nil {
			return 0, err
		}
	}
	if !c.options.several() {
		return 0, nil
	}
	v, err := c.await(ctx, "a coordinator leads", func(v view) bool { return v.leader >= 0 }, func(view) {})
	return v.leader, err
}

// startCoordinator starts a coordinator, or starts it again, and leads the links
// to it.
func (c *cluster) startCoordinator(ctx context.Context, i int) (err error) {
	m := c.coordinators[i]
	http := anyPort
	if i == 0 && c.options.HTTP != "" {
		http = c.options.HTTP
	}
	args := []string{"coordinator", "--data", c.space.path(m.folder), "--shards", strconv.Itoa(c.options.Shards), "--listen", anyPort, "--http", http}
	secured, err := c.certs.Flags(identity.Coordinator, cmp.Or(m.name, replica.DefaultName))
	if err != nil {
		return err
	}
	args = append(args, secured...)
	m.Process, err = c.starter.Start(process.Spec{
		Name: m.title(), Executable: c.options.Executable, Log: c.space.log(m.folder), Lost: c.lost, Args: append(args, c.membership(m)...),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	api, web, err := m.Listening(ctx)
	if err != nil {
		return err
	}
	m.http = web
	m.door.SetTarget(api)
	for _, s := range c.shards {
		s.up[i].SetTarget(api)
	}
	return m.connect(api, c.certs)
}

// membership are the flags of one coordinator among several.
func (c *cluster) membership(m *coordinator) []string {
	if !c.options.several() {
		return nil
	}
	var peers []string
	for _, p := range c.coordinators {
		peers = append(peers, p.name+"="+p.door.Address())
	}
	return []string{"--name", m.name, "--advertise", m.door.Address(), "--peers", strings.Join(peers, ",")}
}

// connect makes the client that asks a member about itself.
func (m *coordinator) connect(api string, certs *certset.Set) (err error) {
	if m.name == "" {
		return nil
	}
	if err := m.disconnect(); err != nil {
		return err
	}
	m.self, err = client.NewCoordinatorAs(certs.Client(), api)
	return err
}
