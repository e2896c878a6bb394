package history

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// injected gives a wrapper that fails one system call of the child, the n-th of
// its kind; it skips the test if that cannot be done here.
func injected(t *testing.T, call string, n int) []string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed, so that no failing disk can be had")
	}
	wrapper := []string{strace, "-f", "-qq", "-o", filepath.Join(t.TempDir(), "trace"), "-e", "trace=" + call,
		"-e", fmt.Sprintf("inject=%s:error=EIO:when=%d", call, n)}
	if out, err := exec.Command(strace, append(wrapper[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("strace cannot be used here: %v: %s", err, out)
	}
	return wrapper
}

// appendUntilPoisoned appends one batch after the other. The call that is made
// to fail is in the second. Afterwards the history has to be of no use, and
// opening it anew has to give one or the other outcome.
func appendUntilPoisoned(dir string) error {
	t, decisions := panicking{}, chain(30)
	h := mustOpen(t, dir)
	must(t, h.Append(metaAt(10), decisions[:10]))
	err := h.Append(metaAt(20), decisions[10:20])
	wantErr(t, err, ErrPoisoned)
	wantDead(t, h, ErrPoisoned, decisions[20:])
	if h.Height() != 10 || !sameMeta(h.Meta(), metaAt(10)) {
		t.Fatalf("height is %d, meta %+v", h.Height(), h.Meta())
	}
	must(t, h.Close())
	wantDead(t, h, ErrClosed, decisions[20:])

	h = mustOpen(t, dir)
	at := h.Height()
	if at != 10 && at != 20 {
		t.Fatalf("height is %d", at)
	}
	wantExactly(t, h, metaAt(at), decisions[:at])
	must(t, h.Append(metaAt(30), decisions[at:]))
	wantExactly(t, h, metaAt(30), decisions)
	fmt.Println(at)
	return h.Close()
}

// TestFailedSyncPoisons fails either sync of a commit. After the first of them
// nothing has changed; after the second bbolt shows what it could not force.
func TestFailedSyncPoisons(t *testing.T) {
	for n, want := range map[int]string{3: "10\n", 4: "20\n"} {
		t.Run(fmt.Sprintf("sync %d", n), func(t *testing.T) {
			dir := t.TempDir()
			mustCreate(t, dir)
			out, err := child("poison", dir, injected(t, "fdatasync", n)...).Output()
			wantChild(t, err)
			if string(out) != want {
				t.Fatalf("reopened at height %q, want %q", out, want)
			}
			h := mustOpen(t, dir)
			wantExactly(t, h, metaAt(30), chain(30))
			must(t, h.Close())
			wantSound(t, dir)
		})
	}
}

// TestFailedWritePoisons: likewise for each write of a commit, data pages first
// and the meta page last.
func TestFailedWritePoisons(t *testing.T) {
	hits := 0
	for n := 5; n <= 12; n++ { // Open and the first append make some writes too
		dir := t.TempDir()
		mustCreate(t, dir)
		out, err := child("poison", dir, injected(t, "pwrite64", n)...).Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == panicked {
			continue // the first append failed, or none
		}
		wantChild(t, err)
		if string(out) != "10\n" {
			t.Fatalf("write %d failed: reopened at height %q", n, out)
		}
		hits++
	}
	if hits < 3 {
		t.Fatalf("%d writes of the second append were hit", hits)
	}
}

func openOnce(dir string) error {
	h, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	return h.Close()
}

// TestFailedSyncAtOpen: what could not be forced is not served.
func TestFailedSyncAtOpen(t *testing.T) {
	dir := built(t, chain(5))
	for n := range 2 { // file and directory
		wantInjected(t, child("open", dir, injected(t, "fsync", n+1)...))
	}
	must(t, child("open", dir).Run())
}

// TestFailedCreate leaves nothing that could be taken for a history.
func TestFailedCreate(t *testing.T) {
	for call, n := range map[string]int{"fdatasync": 2, "fsync": 1, "linkat": 1} {
		dir := t.TempDir()
		wantInjected(t, child("create", dir, injected(t, call, n)...))
		if names := namesIn(t, dir); len(names) != 0 {
			t.Fatalf("directory holds %v", names)
		}
		must(t, child("create", dir).Run())
		wantSound(t, dir)
	}
}

// wantInjected checks that the child has met the injected failure, and said so.
func wantInjected(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "input/output error") {
		t.Fatalf("child: %v: %s", err, out)
	}
}

func wantChild(t *testing.T, err error) {
	t.Helper()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("child: %v: %s", err, exit.Stderr)
	}
	must(t, err)
}
