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
	good := newGood(t, c)
	target := target{API: c.Coordinator.Address, HTTP: c.Coordinator.HTTP}
	if *roundsFlag == 0 {
		for _, a := range abuses {
			good.beside(t, a, target, trying)
		}
		if good.beside(t, none, target, time.Second).blocks == 0 {
			t.Error("nothing is committed after all that")
		}
		return
	}
	good.beside(t, none, target, *whileFlag) // warms up
	only := regexp.MustCompile(*onlyFlag)
	for _, a := range abuses {
		if only.MatchString(a.name) {
			good.measure(t, a, target)
		}
	}
	for _, n := range good.nodes {
		peak, err := n.PeakMemory()
		if err != nil {
			t.Error(err)
		}
		t.Logf("%-12s had %d MiB at most", n.Name, peak>>20)
	}
}

// measure compares an abuse with none, in turn.
func (g *good) measure(t *testing.T, a abuse, at target) {
	t.Helper()
	var alone, beside measured
	var ratios []float64
	for range *roundsFlag {
		before := g.beside(t, none, at, *whileFlag)
		with := g.beside(t, a, at, *whileFlag)
		after := g.beside(t, none, at, *whileFlag)
		ratios = append(ratios, 2*with.rate()/(before.rate()+after.rate()))
		alone, beside = alone.plus(before).plus(after), beside.plus(with)
	}
	slices.Sort(ratios)
	t.Logf("%-48s %.2f of the throughput alone (%.2f to %.2f); takes %.2f cores of the cluster, %.2f of its own",
		a.name, ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1], beside.beyond(alone), beside.abuser.Seconds()/beside.took.Seconds())
}

// measured is what happened while something was measured.
type measured struct {
	blocks          int
	took            time.Duration
	cluster, abuser time.Duration // processor time
}

func (m measured) plus(o measured) measured {
	return measured{m.blocks + o.blocks, m.took + o.took, m.cluster + o.cluster, m.abuser + o.abuser}
}

// rate is that of blocks per second.
func (m measured) rate() float64 { return float64(m.blocks) / m.took.Seconds() }

// beyond is how many cores the cluster needed beyond those for the blocks, which take as
// much processor time each as without the abuse.
func (m measured) beyond(alone measured) float64 {
	blocks := alone.cluster.Seconds() / float64(max(alone.blocks, 1)) * float64(m.blocks)
	return (m.cluster.Seconds() - blocks) / m.took.Seconds()
}

// good is a client that submits one block after the other.
type good struct {
	client *client.Coordinator
	nodes  []*cluster.Node
	next   atomic.Uint64
	body   []byte
}

func newGood(t *testing.T, of *cluster.Cluster) *good {
	c, err := client.NewCoordinator(of.Coordinator.Address)
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
	return &good{client: c, nodes: append(slices.Clone(of.Shards), of.Coordinator), body: protocol.EncodeBody(list)}
}

// beside submits for a while beside an abuse.
func (g *good) beside(t *testing.T, a abuse, at target, while time.Duration) (m measured) {
	t.Helper()
	if a.do != nil {
		stop := a.start(t, at)
		defer func() { m.abuser = stop() }()
	}
	var submitting sync.WaitGroup
	var committed atomic.Int64
	var over atomic.Bool
	began, worked := time.Now(), g.worked(t)
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
	return measured{blocks: int(committed.Load()), took: time.Since(began), cluster: g.worked(t) - worked}
}

// worked is the processor time that the cluster has used.
func (g *good) worked(t *testing.T) (sum time.Duration) {
	t.Helper()
	for _, n := range g.nodes {
		worked, err := n.ProcessorTime()
		if err != nil {
			t.Fatal(err)
		}
		sum += worked
	}
	return sum
}
