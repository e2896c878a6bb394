package attack

import (
	"fmt"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// What is overheard of each node.
const (
	overheardConnections = 40
	overheardBytes       = 512 << 10
)

// overheard is what one connection has sent, from its first byte on.
type overheard struct {
	to   *cluster.Node
	sent []byte
}

// record has all links of the cluster overheard from the start.
func (s *siege) record() {
	for _, n := range s.Nodes() {
		n.Inbound.Record(overheardConnections, overheardBytes)
	}
}

// overhear has the cluster work a little, and then give leadership away, which begins a
// new epoch, so that all that was overheard is of an old one.
func (s *siege) overhear() {
	s.t.Helper()
	s.load.begin()
	s.load.measure(calm)
	s.load.end()
	if err := s.Operate("cluster", "transfer"); err != nil {
		s.t.Fatal(fmt.Errorf("begin a new epoch: %w", err))
	}
	s.AwaitReady()
	for _, n := range s.Nodes() {
		for _, sent := range n.Inbound.Recorded() {
			if len(sent) > 0 {
				s.overheard = append(s.overheard, overheard{n, sent})
			}
		}
		n.Inbound.Record(0, 0)
	}
	if len(s.overheard) == 0 {
		s.t.Fatal("nothing was overheard")
	}
}

// replay sends again what somebody of the cluster, or a client, once sent: sessions of
// shards, values for peers and messages between coordinators. What one coordinator was
// sent, another may get: the one that leads now.
func replay(h *hand) string {
	heard := h.overheard[h.rand.IntN(len(h.overheard))]
	to := heard.to
	if to.Member != "" {
		to = h.Coordinators[h.rand.IntN(coordinators)]
	}
	return h.throw(to.Address, heard.sent[:1+h.rand.IntN(len(heard.sent))], 200*time.Millisecond)
}
