package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Spec says what to start.
type Spec struct {
	Name       string // for people: "shard 2"
	Executable string
	Args       []string
	Log        string // file that the output is appended to
	// Lost is told when the process ends without having been asked to; may be nil.
	Lost func(error)
}

// Process is a daemon that was started. It is safe for concurrent use.
type Process struct {
	Name string
	Log  string

	command  *exec.Cmd
	announce *announcement
	asked    atomic.Bool   // to end
	ended    chan struct{} // closed when it has ended; err is set before
	err      error
}

// Start starts a daemon and does not wait for it.
func (s *Starter) Start(spec Spec) (*Process, error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor, and this one writes nothing
	p := &Process{Name: spec.Name, Log: spec.Log, announce: newAnnouncement(), ended: make(chan struct{})}
	p.command = exec.Command(spec.Executable, spec.Args...)
	p.command.Env = environment()
	p.command.Stdout, p.command.Stderr = p.announce, log
	p.command.SysProcAttr = attributes()
	if err := s.do(p.command.Start); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	go p.wait(spec.Lost)
	return p, nil
}

// environment is ours without the settings of this program, which are given as
// flags.
func environment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "LOCKSTEP_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

func (p *Process) wait(lost func(error)) {
	p.err = p.command.Wait()
	close(p.ended)
	if lost != nil && !p.asked.Load() {
		lost(p.failure("ended by itself"))
	}
}

// Listening waits until the process says where it serves: API, and HTTP or "".
func (p *Process) Listening(ctx context.Context) (api, http string, err error) {
	select {
	case <-p.announce.made:
		return p.announce.api, p.announce.http, nil
	case <-p.ended:
		return "", "", p.failure("ended before it served")
	case <-ctx.Done():
		return "", "", p.failure("does not serve yet")
	}
}

// PID is the number of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Alive reports whether the process runs.
func (p *Process) Alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Kill ends the process at once, with SIGKILL, and waits until it is gone.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// Stop asks the process to end, with SIGTERM, and gives the time it took. It is
// an error if that is more than most, or the exit code is not 0.
func (p *Process) Stop(most time.Duration) (time.Duration, error) {
	began := time.Now()
	p.signal(syscall.SIGTERM)
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case <-p.ended:
	case <-late.C:
		p.Kill()
		return most, p.failure(fmt.Sprintf("did not stop within %v of SIGTERM", most))
	}
	took := time.Since(began)
	if p.err != nil {
		return took, p.failure("did not stop in order")
	}
	return took, nil
}

// signal asks the whole group to end, unless the process has been waited for.
func (p *Process) signal(s syscall.Signal) {
	p.asked.Store(true)
	if p.Alive() {
		_ = syscall.Kill(-p.PID(), s) // it fails only if nobody is left
	}
}

// failure is what happened, how it ended if it has, and the end of its log.
func (p *Process) failure(what string) error {
	var exit *exec.ExitError
	if !p.Alive() && errors.As(p.err, &exit) {
		what += fmt.Sprintf(" (%v)", exit)
	}
	if tail := p.Tail(); len(tail) > 0 {
		what += "; its last words: " + tail[len(tail)-1]
	}
	return fmt.Errorf("%s %s", p.Name, what)
}
