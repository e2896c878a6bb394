package cluster

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// commandTimeout bounds every command of a test.
const commandTimeout = 4 * time.Minute

// Result is what a command came to.
type Result struct {
	Code     int
	Out, Err string
}

// Command is one that runs.
type Command struct {
	tb    testing.TB
	cmd   *exec.Cmd
	err   transcript
	read  chan struct{} // closed at the end of the output
	timer *time.Timer

	mu    sync.Mutex
	out   strings.Builder
	lines int
}

// transcript is what was written so far.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// Go starts the binary on a command line and does not wait.
func Go(tb testing.TB, binary string, args ...string) *Command {
	tb.Helper()
	c := &Command{tb: tb, cmd: exec.Command(binary, args...), read: make(chan struct{})}
	c.cmd.Stderr, c.cmd.SysProcAttr, c.cmd.Env = &c.err, noOrphans(), append(os.Environ(), raceEnvironment...)
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		tb.Fatalf("run lockstep %s: %v", strings.Join(args, " "), err)
	}
	c.timer = time.AfterFunc(commandTimeout, func() { c.cmd.Process.Signal(syscall.SIGKILL) })
	go c.follow(out)
	return c
}

// Run starts the binary and waits for what it comes to.
func Run(tb testing.TB, binary string, args ...string) Result {
	tb.Helper()
	return Go(tb, binary, args...).Wait()
}

func (c *Command) follow(out io.Reader) {
	defer close(c.read)
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		c.mu.Lock()
		c.out.WriteString(line)
		if line != "" {
			c.lines++
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Lines is how many lines it has printed so far, and whether more may come.
func (c *Command) Lines() (n int, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.read:
		return c.lines, false
	default:
		return c.lines, true
	}
}

// Err is its standard error so far.
func (c *Command) Err() string { return c.err.String() }

// Interrupt ends it as Ctrl-C does.
func (c *Command) Interrupt() { c.cmd.Process.Signal(syscall.SIGINT) }

// Wait gives what it came to.
func (c *Command) Wait() Result {
	c.tb.Helper()
	<-c.read
	c.cmd.Wait()
	if !c.timer.Stop() {
		c.tb.Fatalf("%s did not end within %s: %s", strings.Join(c.cmd.Args, " "), commandTimeout, c.err.String())
	}
	return Result{Code: c.cmd.ProcessState.ExitCode(), Out: c.out.String(), Err: c.err.String()}
}

// Go starts a command of clients, without the flag that says where the
// coordinators are.
func (c *Cluster) Go(args ...string) *Command {
	c.tb.Helper()
	args = append(append(args, "--coordinator", c.Addresses()), c.identify(identity.Client, clientID)...)
	return Go(c.tb, c.options.Binary, args...)
}

// Lockstep runs a command of clients and gives what it came to.
func (c *Cluster) Lockstep(args ...string) Result {
	c.tb.Helper()
	return c.Go(args...).Wait()
}
