package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/certset"
)

// startTimeout bounds how long a daemon may take to say that it listens.
const startTimeout = 30 * time.Second

// Process is one run of a daemon. Signals and waiting are safe for concurrent
// use.
type Process struct {
	Address string // of the API
	HTTP    string // of health, metrics and status

	cmd        *exec.Cmd
	ended      chan struct{}
	identities *certset.Set // of the cluster; nil for plaintext
	web        sync.Once    // makes kept
	kept       http.Client  // of the pages

	mu       sync.Mutex
	expected bool // somebody told it to end
	code     int  // exit code, once ended; -1 after a signal
}

// launch starts a daemon and waits until it listens.
func launch(logFile, name string, args ...string) (*Process, error) {
	p, announced, err := spawn(logFile, name, args...)
	if err != nil {
		return nil, err
	}
	select {
	case line := <-announced:
		return p, p.parse(line)
	case <-time.After(startTimeout):
		p.Kill()
		return nil, fmt.Errorf("it did not say that it listens within %s", startTimeout)
	}
}

// spawn starts a daemon; the first line it prints comes over the channel. Its
// log is appended to the file, so that the runs of one daemon follow each other.
func spawn(logFile, name string, args ...string) (*Process, <-chan string, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	defer log.Close() // the child has its own
	p := &Process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Stderr, p.cmd.SysProcAttr, p.cmd.Env = log, noOrphans(), append(os.Environ(), raceEnvironment...)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, nil, err
	}
	announced := make(chan string, 1)
	go p.follow(out, announced)
	return p, announced, nil
}

// follow hands on the first line of output, waits for the end and notes it.
func (p *Process) follow(out io.Reader, announced chan<- string) {
	r := bufio.NewReader(out)
	line, _ := r.ReadString('\n') // empty if it ended before
	announced <- line
	io.Copy(io.Discard, r)
	p.cmd.Wait()
	p.mu.Lock()
	p.code = p.cmd.ProcessState.ExitCode()
	p.mu.Unlock()
	close(p.ended)
}

// parse reads "listening HOST:PORT http HOST:PORT".
func (p *Process) parse(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		<-p.ended
		return fmt.Errorf("it ended with exit code %d before it listened", p.code)
	}
	if len(words) != 4 || words[0] != "listening" || words[2] != "http" {
		p.Kill()
		return fmt.Errorf("want a line \"listening ADDRESS http ADDRESS\", not %q", line)
	}
	p.Address, p.HTTP = words[1], words[3]
	return nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process with SIGKILL and waits for the end.
func (p *Process) Kill() {
	p.expect()
	p.cmd.Process.Kill()
	<-p.ended
}

// Terminate sends SIGTERM, and gives the exit code and how long the end took.
func (p *Process) Terminate(within time.Duration) (code int, took time.Duration, err error) {
	p.expect()
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, 0, err
	}
	select {
	case <-p.ended:
		return p.code, time.Since(began), nil
	case <-time.After(within):
		p.cmd.Process.Kill()
		return 0, 0, fmt.Errorf("it did not end within %s of SIGTERM", within)
	}
}

// Pause sends SIGSTOP: the process keeps its sockets and does nothing.
func (p *Process) Pause() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume sends SIGCONT.
func (p *Process) Resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Ended tells whether the process is gone, and with which exit code.
func (p *Process) Ended() (code int, ended bool) {
	select {
	case <-p.ended:
		return p.code, true
	default:
		return 0, false
	}
}

// Await waits for an end by itself, which is then no fault.
func (p *Process) Await(within time.Duration) (code int, err error) {
	p.expect()
	select {
	case <-p.ended:
		return p.code, nil
	case <-time.After(within):
		p.mu.Lock()
		defer p.mu.Unlock()
		if code, ended := p.Ended(); ended {
			return code, nil
		}
		p.expected = false
		return 0, fmt.Errorf("it did not end within %s", within)
	}
}

func (p *Process) expect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ended := p.Ended(); !ended {
		p.expected = true
	}
}

// fault says that the process ended without being told to, or is "".
func (p *Process) fault() string {
	code, ended := p.Ended()
	p.mu.Lock()
	defer p.mu.Unlock()
	if ended && !p.expected {
		return fmt.Sprintf("it ended by itself with exit code %d", code)
	}
	return ""
}
