package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// group prepares several coordinators, which know each other by the addresses of
// their proxies or places.
func (c *Cluster) group(n int) {
	c.tb.Helper()
	var peers []string
	for i := range n {
		node := &Node{Name: fmt.Sprintf("coordinator%d", i+1), Member: fmt.Sprintf("c%d", i+1)}
		if !c.place(node.Name).own() {
			node.Inbound = c.proxy()
		}
		peers = append(peers, node.Member+"="+c.addressOf(node))
		c.Coordinators = append(c.Coordinators, node)
	}
	for _, node := range c.Coordinators {
		c.equip(node, "--peers", strings.Join(peers, ","))
	}
	c.names = n
}

// equip gives a coordinator the command line of a member.
func (c *Cluster) equip(node *Node, extra ...string) {
	args := append(c.coordinatorArgs(), "--name", node.Member, "--advertise", c.addressOf(node))
	args = append(args, c.identify(identity.Coordinator, node.Member)...)
	made := c.node(node.Name, func(p *Process) {
		if node.Inbound != nil {
			node.Inbound.Aim(p.Address)
		}
	}, append(args, extra...))
	if node.Data == "" { // else all of that is as it was, and others may look at it
		node.Data, node.tb, node.started, node.logFile = made.Data, made.tb, made.started, made.logFile
		node.identities = made.identities
	}
	node.command = made.command
}

// addressOf is where everybody reaches one of several coordinators.
func (c *Cluster) addressOf(n *Node) string {
	if n.Inbound != nil {
		return n.Inbound.Address()
	}
	return net.JoinHostPort(c.place(n.Name).Host, placeAPI)
}

// Addresses is what clients are told of the coordinators.
func (c *Cluster) Addresses() string {
	if len(c.Coordinators) == 1 {
		return c.Clients.Address()
	}
	var all []string
	for _, n := range c.Coordinators {
		all = append(all, c.addressOf(n))
	}
	return strings.Join(all, ",")
}

// errNoLeader says that no coordinator says that it leads.
var errNoLeader = errors.New("no coordinator leads")

// Leader gives the coordinator that leads. One that was deposed and does not know
// it yet is not it.
func (c *Cluster) Leader() (*Node, error) {
	if len(c.Coordinators) == 1 {
		return c.Coordinator, nil
	}
	var leader *Node
	term := uint64(0)
	for _, n := range c.Coordinators {
		if !n.Running() {
			continue
		}
		if leads, in := n.Leads(); leads && in >= term {
			leader, term = n, in
		}
	}
	if leader == nil {
		return nil, errNoLeader
	}
	return leader, nil
}

// AwaitLeader waits until a coordinator leads, and gives it.
func (c *Cluster) AwaitLeader() (leader *Node) {
	c.tb.Helper()
	Await(c.tb, "a coordinator that leads", Within, func() string {
		var err error
		if leader, err = c.Leader(); err != nil {
			return err.Error()
		}
		return ""
	})
	return leader
}

// unlevel says which of several coordinators does not follow the leader yet.
func (c *Cluster) unlevel(now ClusterStatus) (missing []string) {
	for _, m := range now.Coordinators {
		if m.State != "ready" {
			missing = append(missing, fmt.Sprintf("the leader sees coordinator %+v", m))
		}
	}
	return missing
}

// Replace does what an operator does whose coordinator is lost with its disk: it
// takes the old member out of the cluster and adds an empty coordinator under a new
// name. The node must not run. try makes a command again that could not be carried
// out, for as long as its caller thinks it sensible.
func (c *Cluster) Replace(n *Node, try func(what string, do func() error) error) error {
	if err := os.RemoveAll(n.Data); err != nil {
		return err
	}
	if err := try("remove "+n.Member, func() error { return c.remove(n.Member) }); err != nil {
		return err
	}
	n.Member = c.newMember()
	c.equip(n, "--join")
	if err := n.TryStart(); err != nil {
		return err
	}
	return try("add "+n.Member, func() error { return c.Operate("cluster", "add", "--timeout", "30s", n.Member+"="+c.addressOf(n)) })
}

// remove takes a member out of the cluster. A command before this one, of which
// nobody could tell, may have done so.
func (c *Cluster) remove(name string) error {
	there, err := c.isMember(name)
	if err != nil || !there {
		return err
	}
	return c.Operate("cluster", "remove", name)
}

func (c *Cluster) isMember(name string) (bool, error) {
	out, err := c.operate("cluster", "members", "-o", "json")
	if err != nil {
		return false, err
	}
	var all struct {
		Coordinators []CoordinatorStatus `json:"coordinators"`
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return false, fmt.Errorf("lockstep cluster members prints %q: %w", out, err)
	}
	return slices.ContainsFunc(all.Coordinators, func(m CoordinatorStatus) bool { return m.Name == name }), nil
}

// newMember gives a name that no coordinator ever had.
func (c *Cluster) newMember() string {
	c.naming.Lock()
	defer c.naming.Unlock()
	c.names++
	return fmt.Sprintf("c%d", c.names)
}

// Operate runs a command of operators, on whichever coordinator leads, and gives
// its error, if it has one. It is safe for concurrent use.
func (c *Cluster) Operate(args ...string) error {
	_, err := c.operate(args...)
	return err
}

// operate gives what a command of operators prints.
func (c *Cluster) operate(args ...string) ([]byte, error) {
	args = append(append(args, "--coordinator", c.Addresses()), c.identify(identity.Operator, operatorID)...)
	cmd := exec.Command(c.options.Binary, args...)
	var said bytes.Buffer
	cmd.Stderr, cmd.SysProcAttr, cmd.Env = &said, noOrphans(), append(os.Environ(), raceEnvironment...)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("lockstep %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return out, nil
}

// CoordinatorHeight is the newest height that a coordinator knows as decided. It is
// safe for concurrent use.
func (p *Process) CoordinatorHeight() (uint64, error) {
	var s ClusterStatus
	err := p.fetchJSON("/status", &s)
	return s.Height, err
}

// Leads tells whether a coordinator says that it leads, and in which term. It is
// safe for concurrent use.
func (p *Process) Leads() (leads bool, term uint64) {
	code, metrics, err := p.fetchWithin(glanceTimeout, "/metrics")
	if err != nil || code != http.StatusOK {
		return false, 0
	}
	for line := range strings.Lines(metrics) {
		if value, ok := strings.CutPrefix(line, "lockstep_term "); ok {
			number, _ := strconv.ParseFloat(strings.TrimSpace(value), 64) // 0 if it is none, which no term is
			term = uint64(number)
		}
		leads = leads || line == "lockstep_leader 1\n"
	}
	return leads, term
}
