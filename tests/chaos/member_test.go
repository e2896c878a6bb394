package chaos

import (
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// member is a node under the nemesis. Steps that need its process take it with
// process, steps that need its links with links; whoever takes those of several
// members does so in their order.
type member struct {
	*cluster.Node
	index   int // coordinators first, then shards
	process sync.Mutex
	links   sync.Mutex

	current atomic.Pointer[cluster.Process] // for whoever only looks
	kills   atomic.Int64
	peak    atomic.Int64 // most memory of any run, bytes
	log     atomic.Int64 // most bytes that its log was ever seen to take
}

func membersOf(c *cluster.Cluster) []*member {
	var all []*member
	for i, n := range c.Nodes() {
		m := &member{Node: n, index: i}
		m.current.Store(n.Process)
		all = append(all, m)
	}
	return all
}

// kill ends it with SIGKILL. The caller has its process.
func (m *member) kill() {
	m.look()
	m.Kill()
	m.kills.Add(1)
}

// restart starts it again. The caller has its process.
func (m *member) restart(s *step) {
	if err := m.TryStart(); err != nil {
		s.fail("restart %s: %w\n%s", m.Name, err, m.LogTail(5))
		return
	}
	m.current.Store(m.Process)
}

// look notes how much memory and log it has needed so far.
func (m *member) look() {
	if peak, err := m.current.Load().PeakMemory(); err == nil {
		raise(&m.peak, peak)
	}
	raise(&m.log, size(filepath.Join(m.Data, "log")))
}

// raise sets a number to a greater one.
func raise(number *atomic.Int64, to int64) {
	for is := number.Load(); is < to && !number.CompareAndSwap(is, to); is = number.Load() {
	}
}
