package chaos

import (
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// proxiedFaults are what can happen to links that have proxies.
func proxiedFaults() []fault {
	return []fault{
		{"cut from the coordinator", 2, onShard("ends the connections of %s to the coordinator", uplink((*cluster.Proxy).Cut))},
		{"silence to the coordinator", 2, onShard("holds both ways between %s and the coordinator", uplink((*cluster.Proxy).Hold))},
		{"one way to the coordinator", 2, onShard("holds what %s sends to the coordinator", uplink((*cluster.Proxy).HoldToward))},
		{"one way from the coordinator", 2, onShard("holds what the coordinator sends to %s", uplink((*cluster.Proxy).HoldBack))},
		{"cut from peers", 2, onShard("ends the connections of peers and readers to %s", inbound((*cluster.Proxy).Cut))},
		{"silence from peers", 2, onShard("holds what peers and readers say to %s", inbound((*cluster.Proxy).HoldToward))},
		{"one way to peers", 1, onShard("holds what %s answers to peers and readers", inbound((*cluster.Proxy).HoldBack))},
		{"isolate", 2, onShard("holds all links of %s", func(m *member) {
			m.Uplink.Hold()
			m.Inbound.Hold()
		})},
		{"slow links", 2, slowProxies},
		{"flapping links", 2, flapProxies},
		{"broken clients", 1, breakClients},
	}
}

func uplink(do func(*cluster.Proxy)) func(*member)  { return func(m *member) { do(m.Uplink) } }
func inbound(do func(*cluster.Proxy)) func(*member) { return func(m *member) { do(m.Inbound) } }

// onShard makes a fault that breaks the links of a shard and heals them.
func onShard(what string, broken func(*member)) func(*step) {
	return func(s *step) {
		m, pause := s.shard(), s.mostlyShort(200*time.Millisecond, 6*time.Second)
		m.links.Lock()
		defer m.links.Unlock()
		s.happens(what+" for %s", m.Name, pause)
		defer m.heal()
		broken(m)
		time.Sleep(pause)
	}
}

func (m *member) heal() {
	m.Uplink.Heal()
	m.Inbound.Heal()
}

func slowProxies(s *step) {
	m, pause := s.shard(), s.between(time.Second, 4*time.Second)
	delay, rate := s.mostlyShort(0, 80*time.Millisecond), 128<<10+s.IntN(4<<20)
	m.links.Lock()
	defer m.links.Unlock()
	s.happens("the links of %s have a delay of %s and %d KiB/s for %s", m.Name, delay, rate>>10, pause)
	defer m.heal()
	m.Uplink.Slow(delay, rate)
	m.Inbound.Slow(delay, rate)
	time.Sleep(pause)
}

func flapProxies(s *step) {
	m, times := s.shard(), 3+s.IntN(6)
	m.links.Lock()
	defer m.links.Unlock()
	s.happens("the links of %s go away %d times", m.Name, times)
	defer m.heal()
	for range times {
		m.Uplink.Cut()
		m.Inbound.Cut()
		time.Sleep(s.between(0, 300*time.Millisecond))
		m.heal()
		time.Sleep(s.between(50*time.Millisecond, 500*time.Millisecond))
	}
}

// breakClients ends the connections of all clients, or holds them.
func breakClients(s *step) {
	pause, hold := s.mostlyShort(0, 2*time.Second), s.IntN(2) == 0
	coordinator := s.members[0]
	coordinator.links.Lock()
	defer coordinator.links.Unlock()
	s.happens("clients are cut off for %s, silently %v", pause, hold)
	defer s.cluster.Clients.Heal()
	if hold {
		s.cluster.Clients.Hold()
	} else {
		s.cluster.Clients.Cut()
	}
	time.Sleep(pause)
}
