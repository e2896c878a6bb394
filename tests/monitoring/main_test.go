package monitoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var binary string // of lockstep

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the binary with the module that it belongs to, not with this one.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lockstep-monitoring-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if binary = os.Getenv("LOCKSTEP_BINARY"); binary == "" {
		binary = filepath.Join(dir, "lockstep")
		build := exec.Command("go", "build", "-o", binary, "./cmd/lockstep")
		build.Dir = "../.."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build lockstep: %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}
