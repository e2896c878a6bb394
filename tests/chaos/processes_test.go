package chaos

import (
	"slices"
	"sync"
	"time"
)

// processFaults are what can happen to processes on any machine.
func processFaults() []fault {
	return []fault{
		{"kill a shard", 8, killShard},
		{"kill a coordinator", 5, killCoordinator},
		{"kill two", 4, killTwo},
		{"kill in recovery", 4, killInRecovery},
		{"restart storm", 2, restartStorm},
		{"stop", 3, stop},
	}
}

// away is how long a killed process is gone.
func (s *step) away() time.Duration { return s.mostlyShort(0, time.Second) }

func killShard(s *step)       { killAll(s, s.shard()) }
func killCoordinator(s *step) { killAll(s, s.coordinator()) }

func killTwo(s *step) {
	two := s.Perm(len(s.members))[:2]
	slices.Sort(two)
	killAll(s, s.members[two[0]], s.members[two[1]])
}

// killAll kills members, in order, at the same moment, and starts each again
// after a time of its own.
func killAll(s *step, members ...*member) {
	pauses, names := make([]time.Duration, len(members)), make([]string, len(members))
	for i, m := range members {
		pauses[i], names[i] = s.away(), m.Name
		m.process.Lock()
		defer m.process.Unlock()
	}
	s.happens("kill %v, away for %v", names, pauses)
	together(members, func(i int, m *member) {
		m.kill()
		time.Sleep(pauses[i])
		m.restart(s)
	})
}

// killInRecovery kills a member and then twice more while it starts.
func killInRecovery(s *step) {
	m := s.anyone()
	first, second := s.between(0, 60*time.Millisecond), s.between(0, 120*time.Millisecond)
	m.process.Lock()
	defer m.process.Unlock()
	s.happens("kill %s, again %s after its start, and again %s after the next", m.Name, first, second)
	m.kill()
	for _, after := range []time.Duration{first, second} {
		if err := m.KillStarting(after); err != nil {
			s.fail("start %s: %w\n%s", m.Name, err, m.LogTail(5))
		}
		m.kills.Add(1)
	}
	m.restart(s)
}

// restartStorm kills all members within a second, several times.
func restartStorm(s *step) {
	times := 2 + s.IntN(2)
	for _, m := range s.members {
		m.process.Lock()
		defer m.process.Unlock()
	}
	s.happens("kill all within a second, %d times", times)
	for range times {
		moments := make([]time.Duration, len(s.members))
		for i := range moments {
			moments[i] = s.between(0, time.Second)
		}
		s.note("kill all, after %v", moments)
		together(s.members, func(i int, m *member) {
			time.Sleep(moments[i])
			m.kill()
			m.restart(s)
		})
	}
}

// stop has a member do nothing for a while, and keep its connections.
func stop(s *step) {
	m, pause := s.anyone(), s.mostlyShort(100*time.Millisecond, 8*time.Second)
	m.process.Lock()
	defer m.process.Unlock()
	s.happens("stop %s for %s", m.Name, pause)
	if err := m.Pause(); err != nil {
		s.fail("stop %s: %w", m.Name, err)
		return
	}
	time.Sleep(pause)
	if err := m.Resume(); err != nil {
		s.fail("let %s go on: %w", m.Name, err)
	}
}

// together does something to all members at once and waits for all of it.
func together(members []*member, do func(int, *member)) {
	var group sync.WaitGroup
	for i, m := range members {
		group.Go(func() { do(i, m) })
	}
	group.Wait()
}
