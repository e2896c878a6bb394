package chaos

import (
	"errors"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What lose says is lost is lost, silently, and nothing else.
func TestNamespacesLoss(t *testing.T) {
	n, err := newNamespaces(3)
	if err != nil {
		t.Skipf("no network namespaces: %v", err)
	}
	t.Cleanup(n.close)
	n.wantReach(t, 1, 2, true)
	for _, direction := range [][2]int{{1, 2}, {2, 1}} { // an answer is lost like a question
		for range 2 { // two steps lose the same
			if err := n.lose(direction[0], direction[1]); err != nil {
				t.Fatal(err)
			}
		}
		n.wantReach(t, 1, 2, false)
		n.wantReach(t, 1, 0, true)
		n.wantReach(t, 0, 2, true)
		for _, reaches := range []bool{false, true} {
			if err := n.find(direction[0], direction[1]); err != nil {
				t.Fatal(err)
			}
			n.wantReach(t, 1, 2, reaches)
		}
	}
}

// wantReach checks whether a node learns that nobody listens at another.
func (n *namespaces) wantReach(t *testing.T, from, to int, want bool) {
	t.Helper()
	err := n.dial(t, from, net.JoinHostPort(hostOf(to), "9"))
	var lost net.Error
	silent := errors.As(err, &lost) && lost.Timeout()
	if refused := errors.Is(err, syscall.ECONNREFUSED); refused != want || silent == want {
		t.Errorf("from %d to %d: %v, want an answer: %v", from, to, err, want)
	}
}

// dial connects from the namespace of a node, on a thread that is there
// meanwhile. The thread must not end: the kernel would kill what it started.
func (n *namespaces) dial(t *testing.T, from int, address string) error {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home := open(t, "/proc/thread-self/ns/net")
	defer home.Close()
	there := open(t, "/proc/"+strconv.Itoa(n.nodes[from].holder.Process.Pid)+"/ns/net")
	defer there.Close()
	defer setns(t, home)
	setns(t, there)
	conn, err := net.DialTimeout("tcp", address, 700*time.Millisecond)
	if err == nil {
		err = conn.Close()
	}
	return err
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func setns(t *testing.T, space *os.File) {
	t.Helper()
	if err := unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
}
