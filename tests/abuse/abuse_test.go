package abuse

import (
	"fmt"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holiman/uint256"

	"github.com/lockstep-exec/lockstep/coordinator/client"
	"github.com/lockstep-exec/lockstep/executor/ledger"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	// A well-behaved client has so many blocks under way at once.
	underWay     = 4
	transactions = 200
	// hands is how many connections or goroutines one abuser uses.
	hands = 16
	// trying is how long each abuse goes on if nothing is measured.
	trying = 150 * time.Millisecond
)

func TestAbuse(t *testing.T) {
	c := cluster.Start(t, cluster.Options{Binary: lockstep, Shards: 2})
	good := newGood(t, c.Coordinator.Address)
	target := target{API: c.Coordinator.Address, HTTP: c.Coordinator.HTTP}
	if *roundsFlag == 0 {
		for _, a := range abuses {
			good.beside(t, a, target, trying)
		}
		if good.beside(t, none, target, time.Second) == 0 {
			t.Error("nothing is committed after all that")
		}
		return
	}
	good.beside(t, none, target, *whileFlag) // warms up
	only := regexp.MustCompile(*onlyFlag)
	for _, a := range abuses {
		if !only.MatchString(a.name) {
			continue
		}
		var ratios []float64
		for range *roundsFlag {
			before := good.beside(t, none, target, *whileFlag)
			beside := good.beside(t, a, target, *whileFlag)
			after := good.beside(t, none, target, *whileFlag)
			ratios = append(ratios, beside/((before+after)/2))
		}
		slices.Sort(ratios)
		t.Logf("%-60s %.2f of the throughput alone (%.2f to %.2f)", a.name, ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
	}
	for _, n := range append(c.Shards, c.Coordinator) {
		peak, err := n.PeakMemory()
		if err != nil {
			t.Error(err)
		}
		t.Logf("%-12s had %d MiB at most", n.Name, peak>>20)
	}
}

// good is a client that submits one block after the other.
type good struct {
	client *client.Coordinator
	next   atomic.Uint64
	body   []byte
}

func newGood(t *testing.T, address string) *good {
	c, err := client.NewCoordinator(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // nothing is under way any more
	var list []protocol.Transaction
	for i := range transactions {
		tx, err := ledger.NewTransaction(ledger.Credit(fmt.Sprintf("account-%d", i), *uint256.NewInt(1)))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, tx)
	}
	return &good{client: c, body: protocol.EncodeBody(list)}
}

// beside gives the blocks per second that are committed beside an abuse.
func (g *good) beside(t *testing.T, a abuse, at target, while time.Duration) float64 {
	t.Helper()
	if a.do != nil {
		defer a.start(t, at)()
	}
	var submitting sync.WaitGroup
	var committed atomic.Uint64
	var over atomic.Bool
	began := time.Now()
	for range underWay {
		submitting.Go(func() {
			for !over.Load() {
				answer, err := g.client.Submit(t.Context(), client.Submission{Key: fmt.Sprint("good/", g.next.Add(1)), Body: g.body, Timeout: cluster.Within})
				if err != nil || answer.Decision != client.Committed {
					t.Errorf("beside %s: a block was not committed: %v, %v", a.name, answer.Decision, err)
					return
				}
				committed.Add(1)
			}
		})
	}
	time.AfterFunc(while, func() { over.Store(true) })
	submitting.Wait()
	return float64(committed.Load()) / time.Since(began).Seconds()
}
