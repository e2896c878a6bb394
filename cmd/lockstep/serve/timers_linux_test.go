package serve

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// relaxing makes a child process of the test relax its timers.
const relaxing = "RELAX_TIMERS_IN_TEST"

// TestRelaxTimers: every thread has the slack, if this user may set it, and in
// any case nothing breaks.
func TestRelaxTimers(t *testing.T) {
	if os.Getenv(relaxing) != "" {
		RelaxTimers()
		threads, err := filepath.Glob("/proc/self/task/*")
		if err != nil || len(threads) < 2 {
			t.Fatalf("%d threads, %v", len(threads), err)
		}
		for _, thread := range threads {
			text, err := os.ReadFile(filepath.Join("/proc", filepath.Base(thread), "timerslack_ns"))
			if err == nil && strings.TrimSpace(string(text)) != "1000000" && os.Geteuid() == 0 {
				t.Errorf("thread %s has %s", filepath.Base(thread), text)
			}
		}
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestRelaxTimers$")
	child.Env = append(os.Environ(), relaxing+"=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
