package chaos

import (
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// groupProxiedFaults are what can happen to the links of several coordinators and
// of shards that have proxies: each has one for everybody.
func groupProxiedFaults() []fault {
	coordinator, shard := (*step).coordinator, (*step).shard
	return []fault{
		{"cut from the leader", 3, onInbound(leaderOr, "ends the connections of everybody to %s", (*cluster.Proxy).Cut)},
		{"silence to the leader", 3, onInbound(leaderOr, "holds what everybody says to %s", (*cluster.Proxy).HoldToward)},
		{"cut from a coordinator", 2, onInbound(coordinator, "ends the connections of everybody to %s", (*cluster.Proxy).Cut)},
		{"silence of a coordinator", 2, onInbound(coordinator, "holds both ways between everybody and %s", (*cluster.Proxy).Hold)},
		{"one way to a coordinator", 2, onInbound(coordinator, "holds what everybody says to %s", (*cluster.Proxy).HoldToward)},
		{"one way from a coordinator", 2, onInbound(coordinator, "holds what %s answers to everybody", (*cluster.Proxy).HoldBack)},
		{"cut from peers", 2, onInbound(shard, "ends the connections of peers and readers to %s", (*cluster.Proxy).Cut)},
		{"silence from peers", 2, onInbound(shard, "holds what peers and readers say to %s", (*cluster.Proxy).HoldToward)},
		{"one way to peers", 1, onInbound(shard, "holds what %s answers to peers and readers", (*cluster.Proxy).HoldBack)},
		{"cut of all coordinators", 1, cutCoordinators},
		{"slow links", 2, slowInbound},
	}
}

// leaderOr draws the leader, or any coordinator if none leads.
func leaderOr(s *step) *member {
	if m := s.leader(); m != nil {
		return m
	}
	return s.coordinator()
}

// onInbound makes a fault that breaks the links to a member and heals them.
func onInbound(draw func(*step) *member, what string, broken func(*cluster.Proxy)) func(*step) {
	return func(s *step) {
		m, pause := draw(s), s.mostlyShort(200*time.Millisecond, 6*time.Second)
		m.links.Lock()
		defer m.links.Unlock()
		s.happens(what+" for %s", m.Name, pause)
		defer m.Inbound.Heal()
		broken(m.Inbound)
		time.Sleep(pause)
	}
}

// cutCoordinators cuts all coordinators off from everybody, each other included.
func cutCoordinators(s *step) {
	pause := s.mostlyShort(500*time.Millisecond, 5*time.Second)
	for _, m := range s.coordinators {
		m.links.Lock()
		defer m.links.Unlock()
		defer m.Inbound.Heal()
	}
	s.happens("ends the connections of everybody to all coordinators for %s", pause)
	for _, m := range s.coordinators {
		m.Inbound.Cut()
	}
	time.Sleep(pause)
}

func slowInbound(s *step) {
	m, pause := s.anyone(), s.between(time.Second, 4*time.Second)
	delay, rate := s.mostlyShort(0, 80*time.Millisecond), 128<<10+s.IntN(4<<20)
	m.links.Lock()
	defer m.links.Unlock()
	s.happens("the links to %s have a delay of %s and %d KiB/s for %s", m.Name, delay, rate>>10, pause)
	defer m.Inbound.Heal()
	m.Inbound.Slow(delay, rate)
	time.Sleep(pause)
}
