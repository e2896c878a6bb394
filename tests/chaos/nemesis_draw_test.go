package chaos

import (
	"slices"
	"testing"
)

func draws(seed uint64, n int) (names []string) {
	d := &deck{seed: seed, kinds: slices.Concat(processFaults(), proxiedFaults())}
	for range n {
		names = append(names, d.draw().name)
	}
	return names
}

// A seed gives the same steps, and every kind has its turn in each round.
func TestDraws(t *testing.T) {
	round, kinds := 0, slices.Concat(processFaults(), proxiedFaults())
	for _, f := range kinds {
		round += f.weight
	}
	first := draws(7, 2*round)
	if !slices.Equal(first, draws(7, 2*round)) {
		t.Error("the same seed gives other steps")
	}
	if slices.Equal(first, draws(8, 2*round)) || slices.Equal(first[:round], first[round:]) {
		t.Error("the steps do not depend on the seed and the round")
	}
	for _, f := range kinds {
		for _, part := range [][]string{first[:round], first[round:]} {
			if n := len(slices.DeleteFunc(slices.Clone(part), func(name string) bool { return name != f.name })); n != f.weight {
				t.Errorf("%q comes %d times in a round, want %d", f.name, n, f.weight)
			}
		}
	}
}
