package chaos

import "time"

// faults are what can happen to links between namespaces.
func (n *namespaces) faults() []fault {
	all := []fault{
		{"cut from coordinators", 2, n.pair(bothWays, coordinatorsOnly)},
		{"one way to coordinators", 2, n.pair(oneWay, coordinatorsOnly)},
		{"one way from coordinators", 2, n.pair(otherWay, coordinatorsOnly)},
		{"cut from peers", 2, n.pair(bothWays, peersOnly)},
		{"one way to peers", 2, n.pair(oneWay, peersOnly)},
		{"one way from peers", 1, n.pair(otherWay, peersOnly)},
		{"cut from one peer", 2, n.pair(bothWays, onePeer)},
		{"isolate", 2, n.pair(bothWays, everybody)},
		{"flapping link", 2, n.flap},
	}
	if len(n.nodes) > 1+shards {
		all = append(all, n.coordinatorFaults()...)
	}
	if n.noRate == nil || n.noDelay == nil {
		all = append(all, fault{"slow link", 2, n.slow})
	}
	return all
}

// coordinatorFaults are what can happen to links between coordinators; shards and
// clients reach all of them meanwhile.
func (n *namespaces) coordinatorFaults() []fault {
	return []fault{
		{"leader cut from coordinators", 4, n.leaderCut(bothWays)},
		{"leader cannot tell coordinators", 3, n.leaderCut(oneWay)},
		{"leader hears no coordinator", 3, n.leaderCut(otherWay)},
		{"two coordinators apart", 2, n.twoApart},
		{"all coordinators apart", 2, n.allApart},
	}
}

// A way gives the directions between a node and another.
type way func(node, other int) [][2]int

func oneWay(node, other int) [][2]int   { return [][2]int{{node, other}} }
func otherWay(node, other int) [][2]int { return [][2]int{{other, node}} }
func bothWays(node, other int) [][2]int { return [][2]int{{node, other}, {other, node}} }

// A circle draws those that a shard is cut from.
type circle func(s *step, shard int) []int

func coordinatorsOnly(s *step, _ int) (all []int) {
	for _, m := range s.coordinators {
		all = append(all, m.index)
	}
	return all
}

func peersOnly(s *step, shard int) (peers []int) {
	for _, m := range s.members[len(s.coordinators):] {
		if m.index != shard {
			peers = append(peers, m.index)
		}
	}
	return peers
}

func onePeer(s *step, shard int) []int {
	peers := peersOnly(s, shard)
	return peers[s.IntN(len(peers)):][:1]
}

func everybody(s *step, shard int) []int {
	return append(peersOnly(s, shard), coordinatorsOnly(s, shard)...)
}

// pair makes a fault that loses packets between a shard and others.
func (n *namespaces) pair(w way, c circle) func(*step) {
	return func(s *step) {
		m, pause := s.shard(), s.mostlyShort(200*time.Millisecond, 6*time.Second)
		others := c(s, m.index)
		var directions [][2]int
		for _, other := range others {
			directions = append(directions, w(m.index, other)...)
		}
		s.happens("packets of %s, %v (coordinators first), are lost for %s", m.Name, directions, pause)
		n.silence(s, pause, directions)
	}
}

// leaderCut makes a fault that loses packets between the coordinator that leads and
// the other ones; shards and clients still reach it.
func (n *namespaces) leaderCut(w way) func(*step) {
	return func(s *step) {
		m, pause := leaderOr(s), s.between(500*time.Millisecond, 6*time.Second)
		var directions [][2]int
		for _, other := range s.coordinators {
			if other != m {
				directions = append(directions, w(m.index, other.index)...)
			}
		}
		s.happens("packets of %s, which leads, and other coordinators, %v, are lost for %s", m.Name, directions, pause)
		n.silence(s, pause, directions)
	}
}

// twoApart loses packets between two coordinators, which both still reach others.
func (n *namespaces) twoApart(s *step) {
	two, pause := s.Perm(len(s.coordinators))[:2], s.mostlyShort(500*time.Millisecond, 6*time.Second)
	directions := []way{oneWay, otherWay, bothWays}[s.IntN(3)](two[0], two[1])
	s.happens("packets between coordinators, %v, are lost for %s", directions, pause)
	n.silence(s, pause, directions)
}

// allApart loses all packets between coordinators.
func (n *namespaces) allApart(s *step) {
	pause := s.mostlyShort(500*time.Millisecond, 5*time.Second)
	var directions [][2]int
	for i := range s.coordinators {
		for other := range i {
			directions = append(directions, bothWays(i, other)...)
		}
	}
	s.happens("packets between all coordinators are lost for %s", pause)
	n.silence(s, pause, directions)
}

// slow bounds the rate of a node's link, or delays it, whichever can be had.
func (n *namespaces) slow(s *step) {
	m, pause := s.anyone(), s.between(time.Second, 4*time.Second)
	kbit, late, delayed := 2000+s.IntN(40000), s.IntN(60), s.IntN(2) == 0
	how := rate(kbit)
	if n.noDelay == nil && (delayed || n.noRate != nil) {
		how = delay(late, kbit)
	}
	m.links.Lock()
	defer m.links.Unlock()
	s.happens("what %s sends goes through %s for %s", m.Name, how, pause)
	if err := n.nodes[m.index].slow(how); err != nil {
		s.fail("slow a link: %w", err)
		return
	}
	time.Sleep(pause)
	if err := n.nodes[m.index].fast(); err != nil {
		s.fail("make a link fast again: %w", err)
	}
}

// flap takes the link of a node away again and again.
func (n *namespaces) flap(s *step) {
	m, times := s.anyone(), 3+s.IntN(6)
	m.links.Lock()
	defer m.links.Unlock()
	s.happens("the link of %s goes away %d times", m.Name, times)
	port := n.nodes[m.index].port()
	for range times {
		for _, state := range []string{"down", "up"} {
			if err := sh("ip link set " + port + " " + state); err != nil {
				s.fail("turn a link %s: %w", state, err)
			}
			time.Sleep(s.between(20*time.Millisecond, 400*time.Millisecond))
		}
	}
}
