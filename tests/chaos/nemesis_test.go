package chaos

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

const (
	// Between two steps.
	shortestPause, longestPause = 1200 * time.Millisecond, 3200 * time.Millisecond
	// mostSteps is how many may be under way at once.
	mostSteps = 3
)

// fault is a kind of step.
type fault struct {
	name   string
	weight int // how often it is drawn, compared with the others
	strike func(*step)
}

// nemesis takes steps until it is told to stop.
type nemesis struct {
	seed    uint64
	cluster *cluster.Cluster
	members []*member // coordinators first
	// coordinators are those of the members.
	coordinators []*member
	deck         *deck
	failed       chan<- error
	log          *os.File
	began        time.Time

	replacing sync.Mutex // one coordinator at a time

	mu     sync.Mutex
	counts map[string]int // steps by kind
}

// step is one fault that happens. What it breaks it mends before it returns.
type step struct {
	*nemesis
	*rand.Rand // of this step alone
	ordinal    int
	kind       string
}

// run takes steps until ctx ends, and returns when all is mended.
func (n *nemesis) run(ctx context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	slots := make(chan struct{}, mostSteps)
	for ordinal := 1; ; ordinal++ {
		r := rand.New(rand.NewPCG(n.seed, uint64(ordinal)))
		s := &step{nemesis: n, Rand: r, ordinal: ordinal}
		if !rest(ctx, s.between(shortestPause, longestPause)) {
			return
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		f := n.deck.draw()
		s.kind = f.name
		group.Go(func() {
			defer func() { <-slots }()
			f.strike(s)
			s.note("is over")
		})
	}
}

// deck holds every kind of fault as often as it weighs, shuffled anew for each
// round, so that none is left out of a run of some minutes.
type deck struct {
	seed  uint64
	kinds []fault
	round uint64
	left  []fault
}

func (d *deck) draw() fault {
	if len(d.left) == 0 {
		for _, f := range d.kinds {
			d.left = append(d.left, slices.Repeat([]fault{f}, f.weight)...)
		}
		d.round++
		r := rand.New(rand.NewPCG(d.seed, math.MaxUint64-d.round))
		r.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	f := d.left[0]
	d.left = d.left[1:]
	return f
}

// happens counts the step and says what it does.
func (s *step) happens(format string, args ...any) {
	s.mu.Lock()
	s.counts[s.kind]++
	s.mu.Unlock()
	s.note(format, args...)
}

// note writes a line to the log of steps.
func (s *step) note(format string, args ...any) {
	fmt.Fprintf(s.log, "%9.3f s  step %d, %s: %s\n", time.Since(s.began).Seconds(), s.ordinal, s.kind, fmt.Sprintf(format, args...))
}

// fail ends the run.
func (s *step) fail(format string, args ...any) {
	err := fmt.Errorf("step %d, %s: %w", s.ordinal, s.kind, fmt.Errorf(format, args...))
	s.note("%v", err)
	report(s.failed, err)
}

// between draws a time.
func (s *step) between(least, most time.Duration) time.Duration {
	return least + time.Duration(s.Int64N(int64(most-least)))
}

// mostlyShort draws a time that is seldom near the longest.
func (s *step) mostlyShort(least, most time.Duration) time.Duration {
	part := s.Float64()
	return least + time.Duration(part*part*part*float64(most-least))
}

// anyone draws a member.
func (s *step) anyone() *member { return s.members[s.IntN(len(s.members))] }

// shard draws a shard.
func (s *step) shard() *member {
	shards := s.members[len(s.coordinators):]
	return shards[s.IntN(len(shards))]
}

// coordinator draws a coordinator.
func (s *step) coordinator() *member { return s.coordinators[s.IntN(len(s.coordinators))] }

// rest waits; false if ctx ends before.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
