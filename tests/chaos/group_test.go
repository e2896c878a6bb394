package chaos

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	// electionWithin is what an election may take that nobody disturbs; a step does
	// not wait longer for a leader, since others may disturb it.
	electionWithin = 3 * time.Second
	// leaseWithin is long after a leader without a majority has given up.
	leaseWithin = 1500 * time.Millisecond
	// operateWithin bounds what an operator tries while things break.
	operateWithin = 90 * time.Second
)

// groupFaults are what can happen to several coordinators on any machine.
func groupFaults() []fault {
	return []fault{
		{"kill the leader", 6, killLeader},
		{"stop the leader", 4, stopLeader},
		{"majority away", 3, majorityAway},
		{"transfer", 4, transfer},
		{"rolling restart", 2, rollingRestart},
		{"replace a coordinator", 2, replaceCoordinator},
	}
}

// leader gives the coordinator that leads, waiting for one for a while; nil if
// there is none.
func (s *step) leader() *member {
	for end := time.Now().Add(electionWithin); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var leader *member
		newest := uint64(0)
		for _, m := range s.coordinators {
			if leads, term := m.current.Load().Leads(); leads && term >= newest {
				leader, newest = m, term
			}
		}
		if leader != nil {
			return leader
		}
	}
	return nil
}

// onLeader strikes the coordinator that leads, if one does.
func onLeader(s *step, strike func(*member)) {
	if m := s.leader(); m != nil {
		strike(m)
		return
	}
	s.note("no coordinator leads")
}

func killLeader(s *step) {
	onLeader(s, func(m *member) { killAll(s, m) })
}

// stopLeader has the leader do nothing for longer than the others wait for it: it
// wakes deposed, and does not know it yet.
func stopLeader(s *step) {
	onLeader(s, func(m *member) {
		pause := s.between(leaseWithin, 5*time.Second)
		m.process.Lock()
		defer m.process.Unlock()
		s.happens("stop %s, which leads, for %s", m.Name, pause)
		s.pause(pause, m)
	})
}

// pause stops members and lets them go on. The caller has their processes.
func (s *step) pause(while time.Duration, members ...*member) {
	for _, m := range members {
		if err := m.Pause(); err != nil {
			s.fail("stop %s: %w", m.Name, err)
		}
	}
	time.Sleep(while)
	for _, m := range members {
		if err := m.Resume(); err != nil {
			s.fail("let %s go on: %w", m.Name, err)
		}
	}
}

// majorityAway takes so many coordinators away that those that are left can decide
// nothing, and checks that they do not.
func majorityAway(s *step) {
	away, stopped := s.Perm(len(s.coordinators))[:len(s.coordinators)/2+1], s.IntN(2) == 0
	slices.Sort(away)
	pause := s.between(leaseWithin+500*time.Millisecond, 6*time.Second)
	var gone, left []*member
	for i, m := range s.coordinators {
		m.process.Lock()
		defer m.process.Unlock()
		if slices.Contains(away, i) {
			gone = append(gone, m)
		} else {
			left = append(left, m)
		}
	}
	s.happens("coordinators %v are away for %s, stopped and not killed: %v", away, pause, stopped)
	for _, m := range gone {
		if !stopped {
			m.kill()
		} else if err := m.Pause(); err != nil {
			s.fail("stop %s: %w", m.Name, err)
		}
	}
	time.Sleep(leaseWithin)
	before := heights(left)
	time.Sleep(pause - leaseWithin)
	if after := heights(left); !slices.Equal(before, after) {
		s.fail("without a majority the coordinators that are left went from heights %v to %v", before, after)
	}
	for _, m := range gone {
		if !stopped {
			m.restart(s)
		} else if err := m.Resume(); err != nil {
			s.fail("let %s go on: %w", m.Name, err)
		}
	}
}

// heights are those that coordinators say they have decided; none for one that
// does not answer, as after a full disk.
func heights(members []*member) (all []string) {
	for _, m := range members {
		height, err := m.current.Load().CoordinatorHeight()
		if err != nil {
			all = append(all, "none")
			continue
		}
		all = append(all, fmt.Sprint(height))
	}
	return all
}

// transfer has another coordinator lead, as an operator does; when things break at
// the same time it may not come about.
func transfer(s *step) {
	s.happens("another coordinator shall lead")
	if err := s.cluster.Operate("cluster", "transfer", "--timeout", "3s"); err != nil {
		s.note("it does not: %v", err)
	}
}

// rollingRestart restarts one coordinator after the other, as for a new release.
func rollingRestart(s *step) {
	s.happens("restart all coordinators, one after the other")
	for _, m := range s.coordinators {
		if !s.restartInOrder(m) {
			return
		}
		s.leader() // an operator waits until the cluster is well
	}
}

// restartInOrder stops a coordinator with SIGTERM, checks the promise of its exit
// code, and starts it again.
func (s *step) restartInOrder(m *member) bool {
	m.process.Lock()
	defer m.process.Unlock()
	m.look()
	code, took, err := m.Terminate(10 * time.Second)
	s.note("%s has ended after %s", m.Name, took)
	if err != nil || code != 0 || took > 5*time.Second {
		s.fail("%s ended with exit code %d after %s, error %v, when it was told to:\n%s", m.Name, code, took, err, m.LogTail(8))
	}
	m.restart(s)
	return err == nil
}

// replaceCoordinator takes a coordinator away with its disk, and has an empty one
// take its place under a new name.
func replaceCoordinator(s *step) {
	if !s.replacing.TryLock() {
		s.note("another one is being replaced")
		return
	}
	defer s.replacing.Unlock()
	m := s.coordinator()
	m.process.Lock()
	defer m.process.Unlock()
	s.happens("%s, member %s, is lost with its disk", m.Name, m.Member)
	m.kill()
	if err := s.cluster.Replace(m.Node, s.operate); err != nil {
		s.fail("replace %s: %w\n%s", m.Name, err, m.LogTail(8))
	}
	if m.Running() {
		m.current.Store(m.Process)
	}
	s.note("%s is member %s now", m.Name, m.Member)
}

// operate tries a command of operators again, for as long as other steps may keep
// it from being carried out.
func (s *step) operate(what string, do func() error) error {
	var err error
	for end := time.Now().Add(operateWithin); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = do(); err == nil {
			return nil
		}
		s.note("%s: %v", what, err)
	}
	return errors.Join(fmt.Errorf("%s: not within %s", what, operateWithin), err)
}

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
