package chaos

import (
	"errors"
	"fmt"
	"time"
)

// operateWithin bounds what an operator tries while things break.
const operateWithin = 90 * time.Second

func replaceCoordinator(s *step) { s.replaceOne((*step).coordinator) }
func replaceLeader(s *step)      { s.replaceOne(leaderOr) }

// replaceOne takes a coordinator away with its disk, and has an empty one take its
// place under a new name.
func (s *step) replaceOne(draw func(*step) *member) {
	if !s.replacing.TryLock() {
		s.note("another one is being replaced")
		return
	}
	defer s.replacing.Unlock()
	m := draw(s)
	m.process.Lock()
	defer m.process.Unlock()
	s.happens("%s, member %s, is lost with its disk", m.Name, m.Member)
	m.kill()
	s.replace(m)
}

// replace puts an empty coordinator in the place of one that is killed. The caller
// has its process, and replaces nobody else.
func (s *step) replace(m *member) {
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
