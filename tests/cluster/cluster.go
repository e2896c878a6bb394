package cluster

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/certset"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// Options say what to run.
type Options struct {
	Binary string
	Shards int
	// Coordinators is how many there are; 0 means one.
	Coordinators int
	// CoordinatorArgs and ShardArgs are added to the command lines.
	CoordinatorArgs, ShardArgs []string
	// Data gives the data directory of a node; nil or "" means one under a
	// directory of the test.
	Data func(node string) string
	// Place gives a node a place of its own; nil, or one without an address,
	// means this machine, behind proxies.
	Place func(node string) Place
	// MayQuarantine allows what otherwise fails the test.
	MayQuarantine bool
	// Identities are what all nodes and commands prove who they are with; nil means
	// plaintext.
	Identities *certset.Set
}

// Cluster is its coordinators and its shards.
type Cluster struct {
	// Coordinators are coordinator1, coordinator2 … , or only "coordinator".
	Coordinators []*Node
	Coordinator  *Node // the first of them
	Shards       []*Node
	// Clients stands for the coordinator's address to clients; unused if there are
	// several.
	Clients *Proxy

	tb      testing.TB
	options Options
	dir     string

	naming sync.Mutex
	names  int // of members that were given
}

// New prepares a cluster and starts nothing. Everything ends with the test.
func New(tb testing.TB, o Options) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb, options: o, dir: tb.TempDir()}
	c.Clients = c.proxy()
	c.identify(identity.Client, clientID) // made now, because making one is not for several at once
	c.identify(identity.Operator, operatorID)
	if o.Coordinators > 1 {
		c.group(o.Coordinators)
	} else {
		args := append(c.coordinatorArgs(), c.identify(identity.Coordinator, replica.DefaultName)...)
		c.Coordinators = []*Node{c.node("coordinator", c.aimAtCoordinator, args)}
	}
	c.Coordinator = c.Coordinators[0]
	for i := range o.Shards {
		c.Shards = append(c.Shards, c.shard(i))
	}
	tb.Cleanup(c.end)
	return c
}

// Start prepares a cluster, starts all of it, and waits until it is ready.
func Start(tb testing.TB, o Options) *Cluster {
	tb.Helper()
	c := New(tb, o)
	c.StartAll()
	c.AwaitReady()
	return c
}

func (c *Cluster) coordinatorArgs() []string {
	return append([]string{"coordinator", "--shards", strconv.Itoa(c.options.Shards)}, c.options.CoordinatorArgs...)
}

func (c *Cluster) shard(i int) *Node {
	name, args := fmt.Sprintf("shard%d", i), append([]string{"shard", "--id", strconv.Itoa(i)}, c.options.ShardArgs...)
	args = append(args, c.identify(identity.Shard, strconv.Itoa(i))...)
	if c.place(name).own() {
		return c.node(name, func(*Process) {}, append(args, "--coordinator", c.placedCoordinators()))
	}
	inbound := c.proxy()
	n := c.node(name, func(p *Process) { inbound.Aim(p.Address) }, append(args, "--advertise", inbound.Address()))
	n.Inbound = inbound
	if len(c.Coordinators) == 1 {
		n.Uplink = c.proxy()
		n.command = append(n.command, "--coordinator", n.Uplink.Address())
	} else {
		n.command = append(n.command, "--coordinator", c.Addresses())
	}
	return n
}

// Who the commands of a test are.
const (
	clientID   = "client"
	operatorID = "operator"
)

// identify gives the flags of somebody who proves who it is; none in plaintext.
func (c *Cluster) identify(role identity.Role, id string) []string {
	c.tb.Helper()
	flags, err := c.options.Identities.Flags(role, id)
	if err != nil {
		c.tb.Fatalf("make an identity of %s %s: %v", role, id, err)
	}
	return flags
}

// placedCoordinators are the addresses of all coordinators that have places.
func (c *Cluster) placedCoordinators() string {
	var all []string
	for _, n := range c.Coordinators {
		all = append(all, net.JoinHostPort(c.place(n.Name).Host, placeAPI))
	}
	return strings.Join(all, ",")
}

func (c *Cluster) node(name string, started func(*Process), args []string) *Node {
	data := filepath.Join(c.dir, name)
	if c.options.Data != nil {
		data = cmp.Or(c.options.Data(name), data)
	}
	return &Node{
		Name: name, Data: data, tb: c.tb, started: started, identities: c.options.Identities,
		logFile: filepath.Join(c.dir, name+".log"),
		command: c.place(name).command(c.options.Binary, append(args, "--data", data)...),
	}
}

func (c *Cluster) proxy() *Proxy {
	c.tb.Helper()
	p, err := NewProxy()
	if err != nil {
		c.tb.Fatal(err)
	}
	return p
}

func (c *Cluster) aimAtCoordinator(p *Process) {
	c.Clients.Aim(p.Address)
	for _, s := range c.Shards {
		if s.Uplink != nil {
			s.Uplink.Aim(p.Address)
		}
	}
}

// Dir is the directory of the test: logs, and data that is nowhere else.
func (c *Cluster) Dir() string { return c.dir }

// Nodes are the coordinators and all shards.
func (c *Cluster) Nodes() []*Node { return slices.Concat(c.Coordinators, c.Shards) }

// StartAll starts what does not run.
func (c *Cluster) StartAll() {
	c.tb.Helper()
	for _, n := range c.Nodes() {
		if !n.Running() {
			n.Start()
		}
	}
}

// StopAll ends everything with SIGTERM, shards first: a coordinator that goes
// first is what other tests are for.
func (c *Cluster) StopAll() {
	c.tb.Helper()
	nodes := c.Nodes()
	slices.Reverse(nodes)
	for _, n := range nodes {
		n.Stop()
	}
}

// HealAll undoes everything that was done to links.
func (c *Cluster) HealAll() {
	for _, p := range c.proxies() {
		p.Heal()
	}
}

func (c *Cluster) proxies() []*Proxy {
	all := []*Proxy{c.Clients}
	for _, n := range c.Nodes() {
		for _, p := range []*Proxy{n.Uplink, n.Inbound} {
			if p != nil {
				all = append(all, p)
			}
		}
	}
	return all
}

// Status asks the coordinator that leads.
func (c *Cluster) Status() (s ClusterStatus, err error) {
	leader, err := c.Leader()
	if err != nil {
		return s, err
	}
	return s, leader.fetchJSON("/status", &s)
}

// Height is the newest committed height; a coordinator that cannot say fails
// the test.
func (c *Cluster) Height() uint64 {
	c.tb.Helper()
	s, err := c.Status()
	if err != nil {
		c.tb.Fatalf("ask the coordinator for its height: %v", err)
	}
	return s.Height
}

// CheckAlive fails the test if a process ended without being told to.
func (c *Cluster) CheckAlive() {
	c.tb.Helper()
	for _, n := range c.Nodes() {
		if n.Process == nil {
			continue
		}
		if fault := n.fault(); fault != "" {
			c.tb.Fatalf("%s: %s\n%s", n.Name, fault, n.LogTail(10))
		}
	}
}

// end kills what still runs and looks for what must never happen.
func (c *Cluster) end() {
	for _, n := range c.Nodes() {
		n.check(c.options.MayQuarantine)
		if n.Process != nil {
			n.Kill()
		}
		if c.tb.Failed() {
			c.tb.Logf("the end of the log of %s:\n%s", n.Name, n.LogTail(6))
		}
	}
	for _, p := range c.proxies() {
		p.Close()
	}
	if keep := os.Getenv("LOCKSTEP_KEEP"); keep != "" && c.tb.Failed() {
		c.keep(keep)
	}
}

// keep copies what a failed test left, for whoever looks into it.
func (c *Cluster) keep(into string) {
	to := filepath.Join(into, fmt.Sprintf("%s-%d", filepath.Base(c.tb.Name()), time.Now().UnixNano()))
	if err := os.CopyFS(to, os.DirFS(c.dir)); err != nil {
		c.tb.Logf("keep what is left: %v", err)
		return
	}
	c.tb.Logf("what is left was kept in %s", to)
}

// Extra prepares one more daemon, without proxies, that the cluster knows
// nothing of; it ends with the test too.
func (c *Cluster) Extra(name string, args []string, data string) *Node {
	c.tb.Helper()
	n := c.node(name, func(*Process) {}, args)
	n.Data, n.command = data, c.place(name).command(c.options.Binary, append(args, "--data", data)...)
	c.tb.Cleanup(func() {
		n.check(false)
		if n.Process != nil {
			n.Kill()
		}
	})
	return n
}
