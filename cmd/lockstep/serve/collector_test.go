package serve

import "testing"

func TestTheHeapGrowsByABoundedAmount(t *testing.T) {
	for _, tc := range []struct {
		live    uint64
		percent int
	}{
		{0, 200},
		{4 << 20, 200},
		{48 << 20, 200},
		{64 << 20, 150},
		{96 << 20, 100},
		{192 << 20, 50},
		{8 << 30, 50},
	} {
		if got := growthPercent(tc.live); got != tc.percent {
			t.Errorf("%d MiB in use: may grow by %d %%, want %d %%", tc.live>>20, got, tc.percent)
		}
	}
}
