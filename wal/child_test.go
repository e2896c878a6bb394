package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
)

// The fault tests run a writer in a process of its own, which is this test
// binary again, and do things to it that no process survives, or none should
// do to itself. It reports over a socket what it was told by the log.

const childVar = "WAL_TEST_CHILD"

// job is what a child is to do.
type job struct {
	dir      string
	run      uint32
	segment  int   // Options.SegmentBytes
	rounds   int   // of append, append, sync; 0: without end
	trim     int   // trim after so many rounds; 0: never
	big      int   // size of every record; 0: small and varied
	fileSize int64 // RLIMIT_FSIZE in bytes; 0: none
	reserve  int64 // Options.ReserveBytes
}

func (j job) String() string {
	return fmt.Sprintf("%d %d %d %d %d %d %d %s", j.run, j.segment, j.rounds, j.trim, j.big, j.fileSize, j.reserve, j.dir)
}

func parseJob(s string) (j job, err error) {
	_, err = fmt.Sscanf(s, "%d %d %d %d %d %d %d %s", &j.run, &j.segment, &j.rounds, &j.trim, &j.big, &j.fileSize, &j.reserve, &j.dir)
	return j, err
}

func (j job) record(seq uint64) Record {
	if j.big > 0 {
		return payload(j.run, seq, j.big)
	}
	return payload(j.run, seq, sizeOf(seq))
}

// Exit codes of a child.
const (
	exitDone     = 0
	exitFailed   = 20 // an error, after which the log behaved as it should
	exitRefused  = 21 // Open returned an error
	exitMisdeeds = 22 // the log did what it never should
)

func init() {
	if os.Getenv(childVar) != "" {
		// System calls are counted by thread.
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	if s := os.Getenv(childVar); s != "" {
		j, err := parseJob(s)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitMisdeeds)
		}
		os.Exit(j.work())
	}
	os.Exit(m.Run())
}

// work is the life of a child.
func (j job) work() int {
	if j.fileSize > 0 {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: uint64(j.fileSize), Max: uint64(j.fileSize)}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return exitMisdeeds
		}
	}
	l, err := Open(j.dir, Options{SegmentBytes: j.segment, ReserveBytes: j.reserve})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitRefused
	}
	say('o', l.Last())
	if err := j.write(l); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return misdeeds(l, err)
	}
	if err := l.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return exitDone
}

func (j job) write(l *Log) error {
	for i := 1; j.rounds == 0 || i <= j.rounds; i++ {
		if _, err := l.Append(j.record(l.Last() + 1)); err != nil {
			return err
		}
		if _, err := l.Append(j.record(l.Last()+1), j.record(l.Last()+2)); err != nil {
			return err
		}
		if err := l.Sync(); err != nil {
			return err
		}
		say('s', l.Durable())
		if j.trim > 0 && i%j.trim == 0 {
			keep := l.First() + (l.Last()+1-l.First())*uint64(1+i/j.trim%2)/2 // half, or all
			say('t', keep)
			if err := l.TrimFront(keep); err != nil && l.Err() != nil {
				return err // otherwise it was refused before it began
			}
		}
	}
	return nil
}

// misdeeds looks for signs of life in a log that has failed.
func misdeeds(l *Log, err error) int {
	if !errors.Is(err, ErrPoisoned) {
		return exitMisdeeds
	}
	last, durable := l.Last(), l.Durable()
	_, again := l.Append(Record{1, nil})
	for _, err := range []error{err, l.Err(), again, l.Sync(), l.TrimFront(l.First() + 1), l.Replay(0, nil), l.Close()} {
		if !errors.Is(err, ErrPoisoned) {
			fmt.Fprintln(os.Stderr, "no poison:", err)
			return exitMisdeeds
		}
	}
	if l.Last() != last || l.Durable() != durable {
		return exitMisdeeds
	}
	return exitFailed
}

// say reports to the parent, with a system call that no fault test touches.
func say(what byte, seq uint64) {
	msg := binary.BigEndian.AppendUint64([]byte{what}, seq)
	if _, err := syscall.SendmsgN(3, msg, nil, nil, 0); err != nil {
		os.Exit(exitMisdeeds)
	}
}

// report is what became of a child.
type report struct {
	opened   uint64 // last record after its Open
	isOpened bool
	acked    uint64 // highest sequence that a Sync acknowledged
	trimmed  uint64 // records below may be gone
	state    *os.ProcessState
	stderr   string
}

func (r report) killed() bool {
	ws := r.state.Sys().(syscall.WaitStatus)
	// strace ends by the same signal as the process it ran.
	return ws.Signaled() && ws.Signal() == syscall.SIGKILL || r.state.ExitCode() == 128+int(syscall.SIGKILL)
}

// child is a running child.
type child struct {
	cmd    *exec.Cmd
	acks   *os.File
	report report
	stderr *os.File
}

// start starts a child for the job, under another program if wrap is given.
func (j job) start(t *testing.T, wrap ...string) *child {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	theirs := os.NewFile(uintptr(fds[1]), "acks")
	defer theirs.Close()
	exe, err := os.Executable()
	must(t, err)
	args := append(wrap, exe)
	c := &child{cmd: exec.Command(args[0], args[1:]...), acks: os.NewFile(uintptr(fds[0]), "acks")}
	c.stderr, err = os.CreateTemp(t.TempDir(), "stderr")
	must(t, err)
	// Under the race detector a process waits for a second before it ends.
	c.cmd.Env = append(os.Environ(), childVar+"="+j.String(), "GORACE=atexit_sleep_ms=0")
	c.cmd.ExtraFiles = []*os.File{theirs}
	c.cmd.Stderr = c.stderr
	must(t, c.cmd.Start())
	return c
}

// next takes one message, and reports whether there was one.
func (c *child) next() bool {
	var msg [9]byte
	if _, err := io.ReadFull(c.acks, msg[:]); err != nil {
		return false
	}
	seq := binary.BigEndian.Uint64(msg[1:])
	switch msg[0] {
	case 'o':
		c.report.opened, c.report.isOpened = seq, true
	case 's':
		c.report.acked = seq
	case 't':
		c.report.trimmed = seq
	}
	return true
}

// wait takes all messages that are left and waits for the end.
func (c *child) wait(t *testing.T) report {
	t.Helper()
	for c.next() {
	}
	c.acks.Close()
	c.cmd.Wait()
	c.report.state = c.cmd.ProcessState
	text, err := os.ReadFile(c.stderr.Name())
	must(t, err)
	c.stderr.Close()
	c.report.stderr = string(text)
	switch code := c.report.state.ExitCode(); {
	case code == exitDone, code == exitFailed, code == exitRefused, c.report.killed():
	default:
		t.Fatalf("child: %v: %s", c.report.state, text)
	}
	return c.report
}
