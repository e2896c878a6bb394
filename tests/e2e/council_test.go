package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// council is a cluster with several coordinators, each behind a proxy whose
// address it has for good.
type council struct {
	*cluster.Cluster
	t       *testing.T
	dir     string
	nodes   map[string]*cluster.Node // coordinators, by name
	proxies map[string]*cluster.Proxy
	first   []string // names of those that the cluster began with
}

// convene starts coordinators and shards, and waits until they are ready.
func convene(t *testing.T, shards int, names ...string) *council {
	t.Helper()
	c := &council{
		Cluster: cluster.New(t, cluster.Options{Binary: binary}), t: t, dir: t.TempDir(), first: names,
		nodes: map[string]*cluster.Node{}, proxies: map[string]*cluster.Proxy{},
	}
	var peers []string
	for _, name := range names {
		c.seat(name)
		peers = append(peers, name+"="+c.address(name))
	}
	for _, name := range names {
		c.start(name, "--shards", strconv.Itoa(shards), "--peers", strings.Join(peers, ","))
	}
	for i := range shards {
		name := fmt.Sprintf("shard%d", i)
		// The last coordinator is one that they have to find.
		n := c.Extra(name, []string{"shard", "--id", strconv.Itoa(i), "--coordinator", c.addresses(names[:len(names)-1]...)}, filepath.Join(c.dir, name))
		n.Start()
		c.Shards = append(c.Shards, n)
	}
	c.awaitShards()
	return c
}

// seat gives a coordinator to come an address.
func (c *council) seat(name string) {
	c.t.Helper()
	p, err := cluster.NewProxy()
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(p.Close)
	c.proxies[name] = p
}

func (c *council) address(name string) string { return c.proxies[name].Address() }

func (c *council) addresses(names ...string) string {
	var all []string
	for _, name := range names {
		all = append(all, c.address(name))
	}
	return strings.Join(all, ",")
}

// start starts a coordinator that has a seat.
func (c *council) start(name string, args ...string) {
	c.t.Helper()
	n := c.Extra(name, append([]string{"coordinator", "--name", name, "--advertise", c.address(name)}, args...), filepath.Join(c.dir, name))
	c.nodes[name] = n
	n.Start()
	c.proxies[name].Aim(n.Address)
}

// ask runs a command of clients against the coordinators that the cluster began
// with.
func (c *council) ask(args ...string) cluster.Result {
	c.t.Helper()
	return c.going(args...).Wait()
}

func (c *council) going(args ...string) *cluster.Command {
	c.t.Helper()
	return cluster.Go(c.t, binary, append(args, "--coordinator", c.addresses(c.first...))...)
}

// coordinator is what is shown of one of them.
type coordinator struct {
	Name, Role, State, Reason string
	Behind                    uint64
}

// members asks who the coordinators are.
func (c *council) members() (all []coordinator) {
	c.t.Helper()
	var out struct{ Coordinators []coordinator }
	if err := json.Unmarshal([]byte(wantDone(c.t, c.ask("cluster", "members", "-o", "json"))), &out); err != nil {
		c.t.Fatal(err)
	}
	return out.Coordinators
}

func (c *council) member(name string) coordinator {
	c.t.Helper()
	for _, m := range c.members() {
		if m.Name == name {
			return m
		}
	}
	return coordinator{}
}

// leader is the name of the one that leads.
func (c *council) leader() string {
	c.t.Helper()
	for _, m := range c.members() {
		if m.Role == "leader" {
			return m.Name
		}
	}
	c.t.Fatal("nobody leads among the members that the leader lists")
	return ""
}

// follower is the name of one that takes part and does not lead.
func (c *council) follower() string {
	c.t.Helper()
	for _, m := range c.members() {
		if m.Role == "follower" && m.State == "ready" {
			return m.Name
		}
	}
	c.t.Fatal("nobody follows")
	return ""
}

// status is that of the leader.
func (c *council) status() (s cluster.ClusterStatus) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(wantDone(c.t, c.ask("status", "-o", "json"))), &s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// awaitShards waits until all shards are level with the leader.
func (c *council) awaitShards() {
	c.t.Helper()
	cluster.Await(c.t, "shards level with the leader", cluster.Within, func() string {
		s := c.status()
		for _, shard := range s.Shards {
			if shard.State != "ready" || shard.CommittedHeight != s.Height {
				return fmt.Sprintf("%+v", s)
			}
		}
		return ""
	})
}

// awaitLines waits until a command has printed so many more lines.
func (c *council) awaitLines(command *cluster.Command, more int) {
	c.t.Helper()
	begin, _ := command.Lines()
	cluster.Await(c.t, "more answers", cluster.Within, func() string {
		if now, on := command.Lines(); on && now < begin+more {
			return fmt.Sprintf("%d lines, want %d; %s", now, begin+more, command.Err())
		} else if !on && now < begin+more {
			return "the command has ended: " + command.Err()
		}
		return ""
	})
}
