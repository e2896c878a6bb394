package sim

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var plantedTable = flag.Bool("planted.table", false, "print what TestPlanted found as a table in Markdown")

// mistake is something that the code could do wrong. The simulator has to find
// it, else what it does not find proves nothing.
type mistake struct {
	name string
	// what is wrong, with the rule of the design that it breaks.
	what string
	rule string
	make plant
	// A second line of defence shows only with what it defends against.
	// Without the mistake the code copes with the cause: nothing breaks, or
	// what alone names, which is how the code says that it has noticed.
	cause plant
	alone string
	// breaks are the invariants that may be found broken first.
	breaks []string
	seeds  int // within which it is found
	// options, and what tune changes of what the seed has drawn, give more room
	// to what brings the mistake to light.
	options Options
	tune    plant
}

// plants gives what is put into a world.
func (m mistake) plants(all ...plant) []plant {
	if m.tune != nil {
		all = append(all, m.tune)
	}
	return all
}

// only leaves out all kinds of faults but some, so that those come more often.
func only(kinds ...Fault) Faults { return AllFaults &^ Of(kinds...) }

// simulate runs a seed with what is planted.
func simulate(t *testing.T, seed uint64, o Options, plants ...plant) (failure *Failure, hash uint64, counts map[string]int) {
	t.Helper()
	w, err := newWorld(seed, o)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for _, p := range plants {
		p(w, &w.options.Wraps)
	}
	failure = w.run()
	return failure, w.trace.sum.Sum64(), w.counts
}

// TestPlanted plants one mistake after the other, and lets the simulator find
// it, by the invariant that it breaks.
func TestPlanted(t *testing.T) {
	rows := make([]string, len(mistakes))
	t.Run("mistakes", func(t *testing.T) {
		for i, m := range mistakes {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				rows[i] = m.find(t)
			})
		}
	})
	if *plantedTable {
		fmt.Fprintln(os.Stdout, "| mistake | rule | caught by | seeds needed | seeds allowed |\n| --- | --- | --- | --- | --- |\n"+strings.Join(rows, "\n"))
	}
}

func (m mistake) find(t *testing.T) (row string) {
	t.Helper()
	plants := m.plants(m.make)
	if m.cause != nil {
		plants = append(plants, m.cause)
	}
	made := 0
	for seed := 1; seed <= m.seeds; seed++ {
		f, _, counts := simulate(t, uint64(seed), m.options, plants...)
		made += counts["planted"]
		if f == nil {
			continue
		}
		if !slices.Contains(m.breaks, f.Invariant) {
			t.Fatalf("seed %d finds something else, expected is a break of %q: %v", seed, m.breaks, f)
		}
		t.Logf("found with seed %d: %v", seed, f)
		return fmt.Sprintf("| %s | %s | %s | %d | %d |", m.what, m.rule, f.Invariant, seed, m.seeds)
	}
	t.Fatalf("not found within %d seeds, in which it was made %d times", m.seeds, made)
	return ""
}

// TestPlantedCauses: what a second line of defence defends against is noticed
// by the code as it is, or does no harm.
func TestPlantedCauses(t *testing.T) {
	for _, m := range mistakes {
		if m.cause == nil {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			noticed := 0
			for seed := uint64(1); seed <= causeSeeds; seed++ {
				f, _, counts := simulate(t, seed, m.options, m.plants(m.cause)...)
				switch {
				case f != nil && f.Invariant != m.alone:
					t.Fatalf("seed %d: %v", seed, f)
				case f != nil, m.alone == "" && counts["caused"] > 0:
					noticed++
				}
			}
			if noticed == 0 {
				t.Fatalf("within %d seeds the cause did nothing", causeSeeds)
			}
		})
	}
}

const causeSeeds = 12

// TestPlantedNothing: wraps that change nothing change nothing.
func TestPlantedNothing(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		as, without, _ := simulate(t, seed, Options{})
		f, hash, _ := simulate(t, seed, Options{}, plantNothing)
		if as != nil || f != nil || hash != without {
			t.Fatalf("seed %d: %v and sum %x without wraps, %v and %x with wraps that change nothing", seed, as, without, f, hash)
		}
	}
}
