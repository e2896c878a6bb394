package bench

import (
	"testing"
	"time"
)

func TestPaceOf(t *testing.T) {
	r := result{elapsed: 2 * time.Second}
	for i := range 20 { // ten blocks in each second
		r.samples = append(r.samples, sample{began: time.Duration(i) * 100 * time.Millisecond, took: 50 * time.Millisecond, transactions: 10})
	}
	points := paceOf(r)
	if len(points) != 4 || points[3].At != 2 {
		t.Fatalf("%+v, want 4 points up to 2 s", points)
	}
	for _, p := range points {
		if p.Throughput != 100 {
			t.Errorf("%v a second at %v s, want 100", p.Throughput, p.At)
		}
	}
	if got := paceOf(result{}); got != nil {
		t.Errorf("nothing gives %v", got)
	}
}

func TestBinsOf(t *testing.T) {
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(1+i)*time.Millisecond)
	}
	times = append(times, time.Hour) // in the last bin, without stretching it
	bins, sum := binsOf(times), 0
	for i, b := range bins {
		sum += b.Blocks
		if i > 0 && b.To <= bins[i-1].To {
			t.Errorf("bin %d ends at %v, the one before at %v", i, b.To, bins[i-1].To)
		}
	}
	if sum != len(times) || len(bins) != 20 {
		t.Errorf("%d times in %d bins, want %d in 20", sum, len(bins), len(times))
	}
	for name, times := range map[string][]time.Duration{"one": {time.Second}, "equal": {5, 5, 5, 5}} {
		if bins := binsOf(times); len(bins) == 0 || bins[0].Blocks != len(times) {
			t.Errorf("%s: %+v", name, bins)
		}
	}
}

func TestRoundUp(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 0.03: 0.04, 1: 1, 1.2: 2, 3: 4, 4.5: 5, 7: 10, 99_000: 100_000} {
		if got := roundUp(v); got != want {
			t.Errorf("%v becomes %v, want %v", v, got, want)
		}
	}
}

func TestChart(t *testing.T) {
	label := func(float64) string { return "" }
	c := newChart([]string{"a"}, [][]dot{{{0, 0}, {2, 8}, {4, 4}}}, label)
	if want := "M76.0 212.0L352.0 52.0L628.0 132.0"; len(c.Lines) != 1 || c.Lines[0].Path != want {
		t.Errorf("%+v, want the path %s", c.Lines, want)
	}
	if c := newChart([]string{"a"}, [][]dot{{{1, 1}}}, label); len(c.Lines) != 0 {
		t.Error("one dot makes a line")
	}
}
