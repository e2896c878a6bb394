package chaos

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	// The short forms, which are part of the tests of the project.
	shortProxied    = 40 * time.Second
	shortNamespaces = 25 * time.Second
)

// TestChaos breaks links with proxies.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("too heavy for -short")
	}
	seed := seed(t)
	o := options(coordinators(seed, 1))
	d, err := mountDisks(t.TempDir(), o.first(), "shard1")
	tell(t, "full disks", err)
	if d != nil {
		o.Data = d.data
		t.Cleanup(func() {
			if err := d.unmount(); err != nil {
				t.Error(err)
			}
		})
	}
	play(t, seed, o.Options, duration(shortProxied), slices.Concat(o.proxied(), d.faults()))
}

// TestChaosNamespaces breaks links between network namespaces, one per node.
func TestChaosNamespaces(t *testing.T) {
	if testing.Short() {
		t.Skip("too heavy for -short")
	}
	seed := seed(t)
	o := options(coordinators(seed, 3))
	n, err := newNamespaces(o.count() + shards)
	if err != nil {
		t.Skipf("no network namespaces: %v", err)
	}
	t.Cleanup(n.close)
	n.tell(t)
	o.Place = n.place
	play(t, seed, o.Options, duration(shortNamespaces), n.faults())
}

// setting is the cluster that a run has.
type setting struct{ cluster.Options }

func options(coordinators int) setting {
	free := strconv.Itoa(leastFree)
	return setting{cluster.Options{
		Binary: binary, Shards: shards, Coordinators: coordinators,
		CoordinatorArgs: []string{"--min-free-bytes", free}, ShardArgs: []string{"--min-free-bytes", free},
	}}
}

// coordinators is how many a run has: the short form as many as it is made for.
func coordinators(seed uint64, short int) int {
	switch {
	case *groupFlag > 0:
		return *groupFlag
	case *minutesFlag == 0:
		return short
	case seed%2 == 0:
		return 3
	}
	return 1
}

func (s setting) count() int    { return max(s.Coordinators, 1) }
func (s setting) several() bool { return s.count() > 1 }

// first is the name of a coordinator.
func (s setting) first() string {
	if s.several() {
		return "coordinator1"
	}
	return "coordinator"
}

// proxied are the faults of links that have proxies.
func (s setting) proxied() []fault {
	if s.several() {
		return groupProxiedFaults()
	}
	return proxiedFaults()
}

// tell says in the log whether some kind of fault can be had here.
func tell(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Logf("left out: %s: %v", what, err)
		return
	}
	t.Logf("used: %s", what)
}
