package chaos

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

var (
	seedFlag    = flag.Uint64("chaos.seed", 0, "`number` that the steps and blocks of a run follow from; 0 draws one")
	minutesFlag = flag.Float64("chaos.minutes", 0, "`minutes` under faults of each test; 0 is the short form")
	groupFlag   = flag.Int("chaos.coordinators", 0, "how many coordinators; 0 lets the seed of a long run choose one or three")
	killFlag    = flag.Duration("chaos.leaderkill", 0, "kill the leader so often in TestLeaderKills, and do nothing else; 0 leaves the test out")
	jsonFlag    = flag.String("chaos.json", "", "`file` to which the report of each run is added as a line")
)

// binary is what all tests run.
var binary string

// isolation says why the tests have no namespaces of their own, or is nil.
var isolation error

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

// run builds the binary before it goes into namespaces, where no module could
// be downloaded.
func run(m *testing.M) int {
	if isolated() {
		binary, isolation = os.Getenv("LOCKSTEP_BINARY"), settle()
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "lockstep-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if binary, err = cluster.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code, err := isolate(binary)
	if err == nil {
		return code
	}
	isolation = err
	return m.Run()
}

// seed is the seed of a run.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := *seedFlag
	for s == 0 {
		s = rand.Uint64() >> 16
	}
	t.Logf("-chaos.seed=%d repeats the steps", s)
	return s
}

// duration is how long a run is under faults.
func duration(short time.Duration) time.Duration {
	if *minutesFlag > 0 {
		return time.Duration(*minutesFlag * float64(time.Minute))
	}
	return short
}
