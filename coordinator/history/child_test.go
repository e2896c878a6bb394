package history

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// childVariable names the part that this test binary plays as a child process;
// the directory comes in childDirectory.
const (
	childVariable  = "HISTORY_TEST_CHILD"
	childDirectory = "HISTORY_TEST_DIRECTORY"
)

// panicked is how a child exits in which a check of panicking failed.
const panicked = 2

var childParts = map[string]func(dir string) error{
	"append":   appendForEver,
	"poison":   appendUntilPoisoned,
	"open":     openOnce,
	"create":   func(dir string) error { return Create(dir, testMeta(), Options{}) },
	"findings": printFindings,
}

func TestMain(m *testing.M) {
	part, ok := childParts[os.Getenv(childVariable)]
	if !ok {
		os.Exit(m.Run())
	}
	runtime.LockOSThread() // injected failures are counted by thread
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintln(os.Stderr, p)
			os.Exit(panicked)
		}
	}()
	if err := part(os.Getenv(childDirectory)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child gives the command that plays a part, under a wrapper if one is given.
func child(part, dir string, wrapper ...string) *exec.Cmd {
	argv := append(wrapper, os.Args[0])
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), childVariable+"="+part, childDirectory+"="+dir)
	return cmd
}

// panicking stands in for a test in a child.
type panicking struct{}

func (panicking) Helper()                           {}
func (panicking) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
