package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// turnsWithin bounds how long all the faults of TestChaosCoordinators take.
const turnsWithin = 5 * time.Minute

// TestChaosCoordinators takes what can happen to several coordinators in turn, with
// nothing else broken meanwhile, and wants blocks to be decided after each.
func TestChaosCoordinators(t *testing.T) {
	if testing.Short() {
		t.Skip("too heavy for -short")
	}
	seed := seed(t)
	o := options(max(*groupFlag, 3))
	faults := groupFaults()
	n, err := newNamespaces(o.count() + shards)
	if err == nil {
		t.Cleanup(n.close)
		o.Place = n.place
		faults = append(faults, n.coordinatorFaults()...)
	} else {
		tell(t, "coordinators cut off from each other alone", err)
		faults = append(faults, groupProxiedFaults()...)
	}
	g := begin(t, seed, o.Options, turnsWithin, nil)
	g.leastRate, g.leastKills = 0, 0 // it is to go on after each fault, however long it takes to go round
	g.suffer((&turns{g, faults}).run)
	g.settleDown()
	g.prove()
	g.result.show(t)
	for _, f := range faults {
		if g.result.Steps[f.name] == 0 {
			t.Errorf("%q did not happen", f.name)
		}
	}
}

// turns is a nemesis that does everything once.
type turns struct {
	*game
	faults []fault
}

// run takes the faults one after the other, in an order that the seed draws, until
// ctx ends.
func (k *turns) run(ctx context.Context) {
	order := rand.New(rand.NewPCG(k.seed, 0)).Perm(len(k.faults))
	for i, at := range order {
		if ctx.Err() != nil {
			return
		}
		f := k.faults[at]
		s := &step{nemesis: k.nemesis, Rand: rand.New(rand.NewPCG(k.seed, uint64(i+1))), ordinal: i + 1, kind: f.name}
		f.strike(s)
		if err := s.decides(); err != nil {
			s.fail("%w", err)
		}
	}
}

// decides waits until a coordinator has decided a height above all that any of them
// knows now.
func (s *step) decides() error {
	began, above := time.Now(), s.highest()
	for time.Since(began) < lastPatience {
		if now := s.highest(); now > above {
			s.note("height %d is decided %s after the end", now, time.Since(began).Round(time.Millisecond))
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("nothing is decided above height %d within %s of its end", above, lastPatience)
}

// highest is the highest height that any coordinator knows as decided.
func (s *step) highest() uint64 {
	var all []uint64
	for _, m := range s.coordinators {
		if height, err := m.current.Load().CoordinatorHeight(); err == nil {
			all = append(all, height)
		}
	}
	return slices.Max(append(all, 0))
}
