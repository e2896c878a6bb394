package attack

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

var (
	seedFlag     = flag.Uint64("attack.seed", 0, "`number` that attackers draw from; 0 draws one")
	durationFlag = flag.Duration("attack.duration", 4*time.Second, "how long each run is under attack")
	onlyFlag     = flag.String("attack.only", "", "`regexp` of the attackers that take part, by their names in the table; empty for all")
	tlsFlag      *bool // nil for both
)

func init() {
	flag.BoolFunc("attack.tls", "attack only a cluster with TLS, or with =false only one in plaintext; without, first one and then the other", func(text string) error {
		tls, err := strconv.ParseBool(text)
		tlsFlag = &tls
		return err
	})
}

// lockstep is the binary that all tests run.
var lockstep string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lockstep-attack-")
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

// seed is the seed of a run.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := *seedFlag
	for s == 0 {
		s = rand.Uint64() >> 16
	}
	t.Logf("-attack.seed=%d has the attackers draw the same", s)
	return s
}
