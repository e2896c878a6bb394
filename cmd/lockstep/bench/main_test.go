package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// dir is for what all tests share.
var dir string

func TestMain(m *testing.M) {
	made, err := os.MkdirTemp("", "lockstep-bench-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	dir = made
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// build builds the program, whose daemons are measured, once.
var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(dir, "lockstep")
	out, err := exec.Command("go", "build", "-o", path, "github.com/lockstep-exec/lockstep/cmd/lockstep").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

func binary(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
