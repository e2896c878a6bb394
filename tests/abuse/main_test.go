package abuse

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

var (
	roundsFlag = flag.Int("abuse.rounds", 0, "how often each abuse is measured, in turn with none; 0 only tries each")
	onlyFlag   = flag.String("abuse.only", "", "a `regexp` for the abuses that are measured")
	whileFlag  = flag.Duration("abuse.while", 2*time.Second, "how long each measurement takes")
)

// lockstep is the binary that the test runs.
var lockstep string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if name := os.Getenv(abuserVariable); name != "" {
		return abuser(name)
	}
	dir, err := os.MkdirTemp("", "lockstep-abuse-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if lockstep, err = cluster.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
