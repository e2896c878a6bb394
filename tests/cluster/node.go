package cluster

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/certset"
)

// endTimeout is how long a daemon may take to end, as promised.
const endTimeout = 5 * time.Second

// Node is one daemon over all its runs, with the proxies round it. One
// goroutine at a time may start and end it.
type Node struct {
	*Process // the latest run
	Name     string
	Data     string // data directory
	// Member is the name of a coordinator among several. It changes when the
	// coordinator is replaced; Name does not.
	Member string
	// Uplink is a shard's way to the coordinator; nil for a coordinator, for a
	// shard that has a place of its own, and where there are several coordinators,
	// whose Inbound every shard is told.
	Uplink *Proxy
	// Inbound stands for the address of a shard, or of one of several
	// coordinators; nil for a node that has a place of its own.
	Inbound *Proxy

	tb      testing.TB
	command []string // binary and arguments, behind what the place wants
	logFile string
	started func(*Process) // aims the proxies
	runs    []*Process
	// identities are those of the cluster; nil for plaintext.
	identities *certset.Set
}

// Running tells whether the daemon was started and has not ended.
func (n *Node) Running() bool {
	if n.Process == nil {
		return false
	}
	_, ended := n.Ended()
	return !ended
}

// Start runs the daemon and waits until it listens.
func (n *Node) Start() {
	n.tb.Helper()
	if err := n.TryStart(); err != nil {
		n.tb.Fatalf("start %s: %v\n%s", n.Name, err, n.LogTail(5))
	}
}

// TryStart is Start for a daemon that may refuse to run.
func (n *Node) TryStart() error {
	p, err := launch(n.logFile, n.command[0], n.command[1:]...)
	if err != nil {
		return err
	}
	p.identities = n.identities
	n.Process = p
	n.runs = append(n.runs, p)
	n.started(p)
	return nil
}

// KillStarting runs the daemon and ends it with SIGKILL after a while, whether it
// listens by then or is still reading its files.
func (n *Node) KillStarting(after time.Duration) error {
	p, _, err := spawn(n.logFile, n.command[0], n.command[1:]...)
	if err != nil {
		return err
	}
	n.Process = p
	n.runs = append(n.runs, p)
	select {
	case <-p.ended:
		return fmt.Errorf("it ended by itself with exit code %d", p.code)
	case <-time.After(after):
		p.Kill()
		return nil
	}
}

// Stop ends the daemon as an operator does, and checks the promise: exit code
// 0 within 5 s.
func (n *Node) Stop() {
	n.tb.Helper()
	code, took, err := n.Terminate(2 * endTimeout)
	switch {
	case err != nil:
		n.tb.Errorf("stop %s: %v", n.Name, err)
	case code != 0:
		n.tb.Errorf("%s ended with exit code %d\n%s", n.Name, code, n.LogTail(5))
	case took > endTimeout:
		n.tb.Errorf("%s took %s to end", n.Name, took)
	}
}

// Log is everything that the daemon logged so far.
func (n *Node) Log() string {
	raw, err := os.ReadFile(n.logFile)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// LogTail is the end of it.
func (n *Node) LogTail(lines int) string {
	all := strings.SplitAfter(n.Log(), "\n")
	return strings.Join(all[max(len(all)-lines-1, 0):], "")
}

// ShardStatus asks a shard for its own entry of the status.
func (n *Node) ShardStatus() (s ShardStatus, err error) {
	return s, n.fetchJSON("/status", &s)
}

// never is what no daemon may log.
var never = []string{"panic", "DATA RACE", "goroutine "}

// check fails the test for whatever must not happen to a daemon.
func (n *Node) check(mayQuarantine bool) {
	n.tb.Helper()
	for _, p := range n.runs {
		if fault := p.fault(); fault != "" {
			n.tb.Errorf("%s: %s", n.Name, fault)
		}
	}
	log := n.Log()
	for _, word := range never {
		if strings.Contains(log, word) {
			n.tb.Errorf("%s logged %q: %s", n.Name, word, excerpt(log, word))
		}
	}
	if !mayQuarantine && strings.Contains(log, "quarantined") {
		n.tb.Errorf("%s was quarantined: %s", n.Name, excerpt(log, "quarantined"))
	}
}

// excerpt gives what stands round the first place of a word.
func excerpt(text, word string) string {
	at := strings.Index(text, word)
	return fmt.Sprintf("… %s …", text[max(at-500, 0):min(at+2000, len(text))])
}

// KillNode ends the daemon with SIGKILL.
func (n *Node) KillNode() { n.Kill() }

// PauseNode stops the daemon with SIGSTOP.
func (n *Node) PauseNode() {
	n.tb.Helper()
	if err := n.Pause(); err != nil {
		n.tb.Fatalf("stop %s: %v", n.Name, err)
	}
}

// ResumeNode lets it go on.
func (n *Node) ResumeNode() {
	n.tb.Helper()
	if err := n.Resume(); err != nil {
		n.tb.Fatalf("let %s go on: %v", n.Name, err)
	}
}
