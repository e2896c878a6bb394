package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// injector makes the syncs of a running process fail.
type injector struct{ strace string }

// newInjector tries whether strace is there and may do it.
func newInjector() (*injector, error) {
	path, err := exec.LookPath("strace")
	if err != nil {
		return nil, fmt.Errorf("make syncs fail: %w", err)
	}
	if out, err := exec.Command(path, append(injection(1), "-o", "/dev/null", "true")...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make syncs fail: %w: %s", err, out)
	}
	return &injector{path}, nil
}

// injection are the arguments that fail every sync from the n-th of a thread on.
func injection(n int) []string {
	return []string{"-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", fmt.Sprintf("inject=fsync,fdatasync:error=EIO:when=%d+", n)}
}

func (i *injector) faults() []fault {
	if i == nil {
		return nil
	}
	return []fault{{"failing sync", 2, i.fail}}
}

// fail lets a member's syncs fail until it stops, as rule S9 wants, and starts
// it again. A member that has nothing to sync in that time goes on.
func (i *injector) fail(s *step) {
	m, from, pause := s.anyone(), 1+s.IntN(3), s.between(time.Second, 3*time.Second)
	m.process.Lock()
	defer m.process.Unlock()
	s.happens("the syncs of %s fail, from number %d of a thread on, for %s at most", m.Name, from, pause)
	var said bytes.Buffer
	cmd := exec.Command(i.strace, append(injection(from), "-o", "/dev/null", "-p", strconv.Itoa(m.PID()))...)
	cmd.Stderr, cmd.SysProcAttr = &said, dieWithTest()
	if err := cmd.Start(); err != nil {
		s.fail("attach strace: %w", err)
		return
	}
	code, running := m.Await(pause)
	// It lets go of the process and ends; if it has ended already, so much the better.
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.fail("end strace: %w", err)
	}
	ended := cmd.Wait()
	switch {
	case running == nil && code == 1:
		s.note("%s has stopped", m.Name)
		m.restart(s)
	case running == nil:
		s.fail("%s ended with exit code %d when its disk failed:\n%s", m.Name, code, m.LogTail(8))
	default:
		s.note("%s had nothing to sync (strace: %v %s)", m.Name, ended, said.String())
		m.kill() // it may have met a failure just now
		m.restart(s)
	}
}
