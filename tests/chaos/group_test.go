package chaos

import "time"

const (
	// electionWithin is what an election may take that nobody disturbs; a step does
	// not wait longer for a leader, since others may disturb it.
	electionWithin = 3 * time.Second
	// leaseWithin is long after a leader without a majority has given up.
	leaseWithin = 1500 * time.Millisecond
)

// groupFaults are what can happen to several coordinators on any machine.
func groupFaults() []fault {
	return []fault{
		{"kill the leader", 6, killLeader},
		{"stop the leader", 4, stopLeader},
		{"majority stopped", 2, majorityStopped},
		{"majority killed", 2, majorityKilled},
		{"majority killed, a disk lost", 1, majorityKilledDiskLost},
		{"transfer", 4, transfer},
		{"rolling restart", 2, rollingRestart},
		{"replace a coordinator", 1, replaceCoordinator},
		{"replace the leader", 2, replaceLeader},
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
