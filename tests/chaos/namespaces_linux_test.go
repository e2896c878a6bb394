package chaos

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	bridge     = "chaos0"
	bridgeHost = "10.77.0.254"
	// nobody is a link address that no device has: frames to it are lost.
	nobody = "02:00:00:00:00:ff"
)

// namespaces are a network namespace for each node, all on one bridge in the
// namespace of the test. Each lives as long as a process that holds it, which
// dies with the test.
type namespaces struct {
	nodes []*namespace // coordinators first, shards last
	// noRate and noDelay say why links cannot be slowed in that way, or are nil.
	noRate, noDelay error

	mu   sync.Mutex
	lost map[[2]int]int // how many steps lose what one node sends to another
}

type namespace struct {
	index  int
	holder *exec.Cmd
	alive  io.Closer // the holder ends when it is closed
}

// newNamespaces makes them, inside the namespaces that the test has of its own.
func newNamespaces(nodes int) (*namespaces, error) {
	if !isolated() || isolation != nil {
		return nil, fmt.Errorf("no network namespace for the test: %w", isolation)
	}
	n := &namespaces{lost: map[[2]int]int{}}
	if err := n.build(nodes); err != nil {
		n.close()
		return nil, err
	}
	n.noRate, n.noDelay = n.nodes[0].shape(rate(1000)), n.nodes[0].shape(delay(1, 1000))
	return n, nil
}

// rate and delay are ways to slow a link, for tc.
func rate(kbit int) string      { return fmt.Sprintf("tbf rate %dkbit burst 64kb latency 300ms", kbit) }
func delay(ms, kbit int) string { return fmt.Sprintf("netem delay %dms rate %dkbit", ms, kbit) }

// shape tries whether a way to slow a link can be had.
func (n *namespace) shape(how string) error {
	if err := n.slow(how); err != nil {
		return err
	}
	return n.fast()
}

func (n *namespace) slow(how string) error { return n.sh("tc qdisc add dev eth0 root " + how) }
func (n *namespace) fast() error           { return n.sh("tc qdisc del dev eth0 root") }

func (n *namespaces) build(nodes int) error {
	for _, command := range []string{
		"ip link add " + bridge + " type bridge",
		"ip addr add " + bridgeHost + "/24 dev " + bridge,
		"ip link set " + bridge + " up",
	} {
		if err := sh(command); err != nil {
			return err
		}
	}
	for i := range nodes {
		space, err := hold(i)
		if err != nil {
			return err
		}
		n.nodes = append(n.nodes, space)
		if err := space.connect(); err != nil {
			return err
		}
	}
	return nil
}

// tell says in the log what links can have.
func (n *namespaces) tell(t *testing.T) {
	t.Helper()
	tell(t, "packets lost by a wrong link address, and links taken away", nil)
	tell(t, "links of a bounded rate", n.noRate)
	tell(t, "links with a delay", n.noDelay)
}

// hold starts a process in a new namespace.
func hold(index int) (*namespace, error) {
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	alive, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("a network namespace: %w", err)
	}
	return &namespace{index: index, holder: cmd, alive: alive}, nil
}

// connect links the namespace to the bridge.
func (n *namespace) connect() error {
	for _, command := range []string{
		fmt.Sprintf("ip link add %s type veth peer name eth0 netns %d", n.port(), n.holder.Process.Pid),
		fmt.Sprintf("ip link set %s master %s up", n.port(), bridge),
	} {
		if err := sh(command); err != nil {
			return err
		}
	}
	for _, command := range []string{"ip link set lo up", "ip addr add " + n.host() + "/24 dev eth0", "ip link set eth0 up"} {
		if err := n.sh(command); err != nil {
			return err
		}
	}
	return nil
}

// port is the end of its link at the bridge; the other is eth0.
func (n *namespace) port() string { return fmt.Sprintf("chaos0p%d", n.index) }
func (n *namespace) host() string { return hostOf(n.index) }

func hostOf(index int) string { return fmt.Sprintf("10.77.0.%d", index+1) }

// wrapper runs a command line in the namespace.
func (n *namespace) wrapper() []string {
	return []string{"nsenter", "--net=/proc/" + strconv.Itoa(n.holder.Process.Pid) + "/ns/net", "--"}
}

func (n *namespace) sh(command string) error {
	return sh(strings.Join(append(n.wrapper(), command), " "))
}

// sh runs a command of words without spaces in them.
func sh(command string) error {
	words := strings.Fields(command)
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, out)
	}
	return nil
}

// place says where a node runs.
func (n *namespaces) place(node string) cluster.Place {
	index := 0 // of the only coordinator
	if digits, ok := strings.CutPrefix(node, "shard"); ok {
		index = len(n.nodes) - shards + number(node, digits)
	} else if digits, ok := strings.CutPrefix(node, "coordinator"); ok && digits != "" {
		index = number(node, digits) - 1
	}
	return cluster.Place{Wrapper: n.nodes[index].wrapper(), Host: n.nodes[index].host()}
}

// number is the one in the name of a node.
func number(node, digits string) int {
	i, err := strconv.Atoi(digits)
	if err != nil {
		panic("a node with the name " + node)
	}
	return i
}

// close ends the namespaces and the links, as far as there are any.
func (n *namespaces) close() {
	for _, space := range n.nodes {
		_ = sh("ip link del " + space.port())
		_ = space.alive.Close()
		_ = space.holder.Wait()
	}
	_ = sh("ip link del " + bridge)
}

// lose makes what one node sends to another get lost, without a word to
// either; find undoes it. Several steps may do so at once.
func (n *namespaces) lose(from, to int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost[[2]int{from, to}]++
	return n.nodes[from].sh("ip neigh replace " + hostOf(to) + " lladdr " + nobody + " dev eth0 nud permanent")
}

func (n *namespaces) find(from, to int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lost[[2]int{from, to}]--; n.lost[[2]int{from, to}] > 0 {
		return nil
	}
	return n.nodes[from].sh("ip neigh del " + hostOf(to) + " dev eth0")
}

// silence loses all of some directions for a time.
func (n *namespaces) silence(s *step, pause time.Duration, directions [][2]int) {
	for _, d := range directions {
		if err := n.lose(d[0], d[1]); err != nil {
			s.fail("lose packets: %w", err)
		}
	}
	time.Sleep(pause)
	for _, d := range directions {
		if err := n.find(d[0], d[1]); err != nil {
			s.fail("find packets again: %w", err)
		}
	}
}
