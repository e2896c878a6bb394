package cluster

import (
	"net"
	"slices"
)

// Place is where a node runs that is not on this machine's own network, such
// as a network namespace. Links between places have no proxies: what breaks
// them is whoever made the places. All nodes have one, or none.
type Place struct {
	Wrapper []string // runs the command line that follows it there, as the same process
	Host    string   // address by which everybody reaches it; all its ports are free
}

// Ports in a place. They stay the same over all runs of a node.
const (
	placeAPI  = "7400"
	placeHTTP = "7480"
)

func (c *Cluster) place(node string) Place {
	if c.options.Place == nil {
		return Place{}
	}
	return c.options.Place(node)
}

func (p Place) own() bool { return p.Host != "" }

// listen gives the flags that say where a daemon listens.
func (p Place) listen() []string {
	if p.own() {
		return []string{"--insecure", "--listen", net.JoinHostPort(p.Host, placeAPI), "--http", net.JoinHostPort(p.Host, placeHTTP)}
	}
	return []string{"--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"}
}

// command is the command line of a daemon there.
func (p Place) command(binary string, args ...string) []string {
	return slices.Concat(p.Wrapper, []string{binary}, args, p.listen())
}
