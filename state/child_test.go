package state

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Tests that need another process run their own binary again, with the role
// of the child and the directory in the environment (see TestMain).
const (
	childRole      = "STATE_TEST_CHILD"
	childDirectory = "STATE_TEST_DIRECTORY"
)

func childCommand(role, dir string, wrapper ...string) *exec.Cmd {
	args := append(wrapper, os.Args[0])
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childRole+"="+role, childDirectory+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// runChild plays a role and gives the exit code.
func runChild(role, dir string) int {
	roles := map[string]func(dir string) error{
		"hold": childHold, "flush": childFlush, "fail": childFail, "open": childOpen,
	}
	if err := roles[role](dir); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// childHold keeps the database open until its standard input ends.
func childHold(dir string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Println("open")
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return nil
}

// childOpen only opens.
func childOpen(dir string) error {
	runtime.LockOSThread() // strace counts the calls of each thread
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	return s.Close()
}

// childFlush writes checkpoints of a few heights each, and says so, until it is
// killed.
func childFlush(dir string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	for h := s.CommittedHeight() + 1; ; h++ {
		if err := commitBulk(s, h); err != nil {
			return err
		}
		if h%3 > 0 {
			continue
		}
		if err := s.Flush(background, h, LogPosition{Keep: uint64(h)}, protocol.Config{}, 1); err != nil {
			return err
		}
		fmt.Println("checkpoint", h)
	}
}

// bulkKeys are enough for a checkpoint to touch many pages.
const bulkKeys = 1000

// bulkWrites changes every seventh key, and deletes some. The digest of a
// height is what adding and subtracting the changes gives; here the state is
// simply built up.
func bulkWrites(h protocol.Height) (writes []protocol.WriteOp) {
	for i := int(h) % 7; i < bulkKeys; i += 7 {
		key := fmt.Sprintf("key/%06d", i)
		if (i+int(h))%5 == 0 {
			writes = append(writes, del(key))
		} else {
			writes = append(writes, put(key, strings.Repeat("v", i%50)+fmt.Sprint(h)))
		}
	}
	return writes
}

func bulkState(h protocol.Height) pairs {
	p := pairs{}
	for i := max(1, int(h)-7); i <= int(h); i++ { // older heights are all overwritten
		p.apply(bulkWrites(protocol.Height(i)))
	}
	return p
}

func commitBulk(s *Store, h protocol.Height) error {
	c := committed(h)
	c.Digest = bulkState(h).digest()
	if err := s.Stage(h, bulkWrites(h)); err != nil {
		return err
	}
	return s.Commit(c)
}

// childFail writes two checkpoints, of which the second is expected to fail,
// and checks that the store refuses everything from then on.
func childFail(dir string) error {
	runtime.LockOSThread() // strace counts the calls of each thread
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	for h := protocol.Height(1); h <= 2; h++ {
		if err := commitBulk(s, h); err != nil {
			return err
		}
	}
	if err := s.Flush(background, 1, LogPosition{Keep: 1}, protocol.Config{}, 1); err != nil {
		return fmt.Errorf("first checkpoint: %w", err)
	}
	v, err := s.View(2)
	if err != nil {
		return err
	}
	err = s.Flush(background, 2, LogPosition{Keep: 2}, protocol.Config{}, 1)
	if !errors.Is(err, ErrPoisoned) {
		return fmt.Errorf("second checkpoint: %v", err)
	}
	for name, err := range refusals(s) {
		if !errors.Is(err, ErrPoisoned) {
			return fmt.Errorf("%s after a failed checkpoint: %v", name, err)
		}
	}
	if _, _, err := v.Get([]byte("key/000001")); !errors.Is(err, ErrPoisoned) {
		return fmt.Errorf("Get after a failed checkpoint: %v", err)
	}
	fmt.Println("poisoned:", err)
	return s.Close()
}

// strace gives the path of strace, or skips the test.
func strace(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	if out, err := exec.Command(path, "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("strace cannot trace here: %v: %s", err, out)
	}
	return path
}

// straced gives the wrapper that makes a system call of a child fail.
func straced(t *testing.T, call, fault string) []string {
	t.Helper()
	return []string{strace(t), "-f", "-q", "-o", "/dev/null", "-e", "trace=" + call, "-e", "inject=" + call + ":" + fault}
}
