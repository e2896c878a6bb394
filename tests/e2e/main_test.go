package e2e

import (
	"fmt"
	"os"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// binary is what all tests run.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lockstep-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if binary, err = cluster.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// start runs a cluster of so many shards.
func start(t *testing.T, shards int) *cluster.Cluster {
	t.Helper()
	return cluster.Start(t, options(shards))
}

func options(shards int) cluster.Options { return cluster.Options{Binary: binary, Shards: shards} }

// heavy leaves a test out of a short run.
func heavy(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("too heavy for -short")
	}
}

// long tells whether the long forms are wanted.
func long() bool { return os.Getenv("LOCKSTEP_LONG") == "1" }
