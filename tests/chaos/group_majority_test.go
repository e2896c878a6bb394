package chaos

import (
	"fmt"
	"slices"
	"time"
)

// absence is a majority of the coordinators that is away for a time, and those that
// are left. Whoever makes one takes the processes of all, and frees them with over.
type absence struct {
	*step
	gone, left []*member
	pause      time.Duration
}

// majorityStopped has so many coordinators do nothing that those that are left can
// decide nothing.
func majorityStopped(s *step) {
	a := s.withoutMajority(nil)
	defer a.over()
	s.happens("%v are stopped for %s", names(a.gone), a.pause)
	for _, m := range a.gone {
		if err := m.Pause(); err != nil {
			s.fail("stop %s: %w", m.Name, err)
		}
	}
	a.wantNoDecision()
	for _, m := range a.gone {
		if err := m.Resume(); err != nil {
			s.fail("let %s go on: %w", m.Name, err)
		}
	}
}

// majorityKilled kills so many coordinators that those that are left can decide
// nothing.
func majorityKilled(s *step) {
	a := s.withoutMajority(nil)
	defer a.over()
	s.happens("%v are killed, and away for %s", names(a.gone), a.pause)
	a.kill()
	a.wantNoDecision()
	for _, m := range a.gone {
		m.restart(s)
	}
}

// majorityKilledDiskLost kills a majority with the leader in it, which loses its
// disk too. When the others are back, an empty one takes its place.
func majorityKilledDiskLost(s *step) {
	if !s.replacing.TryLock() {
		s.note("another one is being replaced")
		return
	}
	defer s.replacing.Unlock()
	lost := leaderOr(s)
	a := s.withoutMajority(lost)
	defer a.over()
	s.happens("%v are killed, and away for %s; %s, member %s, is lost with its disk", names(a.gone), a.pause, lost.Name, lost.Member)
	a.kill()
	a.wantNoDecision()
	for _, m := range a.gone {
		if m != lost {
			m.restart(s)
		}
	}
	s.replace(lost)
}

// withoutMajority draws a majority, with one of them given if it is not nil.
func (s *step) withoutMajority(with *member) *absence {
	order := s.Perm(len(s.coordinators))
	if with != nil {
		at := slices.Index(order, with.index)
		order[0], order[at] = order[at], order[0]
	}
	away := order[:len(order)/2+1]
	a := &absence{step: s, pause: s.between(leaseWithin+500*time.Millisecond, 6*time.Second)}
	for i, m := range s.coordinators {
		m.process.Lock()
		if slices.Contains(away, i) {
			a.gone = append(a.gone, m)
		} else {
			a.left = append(a.left, m)
		}
	}
	return a
}

// over frees the processes.
func (a *absence) over() {
	for _, m := range a.coordinators {
		m.process.Unlock()
	}
}

func (a *absence) kill() {
	together(a.gone, func(_ int, m *member) { m.kill() })
}

// wantNoDecision lets the time go by, and checks that nothing is decided once a
// leader that was left must have given up.
func (a *absence) wantNoDecision() {
	time.Sleep(leaseWithin)
	before := heights(a.left)
	time.Sleep(a.pause - leaseWithin)
	if after := heights(a.left); !slices.Equal(before, after) {
		a.fail("without a majority the coordinators that are left went from heights %v to %v", before, after)
	}
}

func names(members []*member) (all []string) {
	for _, m := range members {
		all = append(all, m.Name)
	}
	return all
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
