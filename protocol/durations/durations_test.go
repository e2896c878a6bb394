package durations_test

import (
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/durations"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestQuantilesAreNear(t *testing.T) {
	var c durations.Counter
	for i := range 1000 {
		c.Observe(time.Duration(i+1) * time.Millisecond)
	}
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		want := time.Duration(q * float64(time.Second))
		got, ok := durations.Quantile(c.Message(), q)
		if !ok || got < want*3/4 || got > want*5/4 {
			t.Errorf("quantile %v is %v, want about %v", q, got, want)
		}
	}
	if m := c.Message(); m.Count != 1000 || m.TotalUs != 500500*1000 {
		t.Errorf("counted %d of %d us", m.Count, m.TotalUs)
	}
}

func TestEndsOfTheScale(t *testing.T) {
	if _, ok := durations.Quantile(nil, 0.5); ok {
		t.Error("nothing has a quantile")
	}
	var c durations.Counter
	c.Observe(-time.Second)
	if d, _ := durations.Quantile(c.Message(), 1); d < 0 || d > 50*time.Microsecond {
		t.Errorf("the shortest is %v", d)
	}
	c.Observe(24 * time.Hour)
	if m := c.Message(); len(m.Buckets) != durations.Buckets || m.Buckets[durations.Buckets-1] != 1 {
		t.Errorf("a day is in bucket %d", len(m.Buckets))
	}
	if d, ok := durations.Quantile(c.Message(), 1); !ok || d < 5*time.Minute {
		t.Errorf("the longest is %v", d)
	}
}

func TestSinceAndAdd(t *testing.T) {
	var c durations.Counter
	c.Observe(time.Hour)
	before := c.Message()
	c.Observe(time.Millisecond)
	c.Observe(time.Millisecond)
	d := durations.Since(c.Message(), before)
	if p, _ := durations.Quantile(d, 1); d.Count != 2 || d.TotalUs != 2000 || p > 2*time.Millisecond {
		t.Errorf("since then %v, at most %v", d, p)
	}
	if again := durations.Since(d, before); again.Count != 2 {
		t.Errorf("a counter that began anew counts %d", again.Count)
	}
	sum := durations.Add(durations.Add(nil, d), before)
	if sum.Count != 3 || len(sum.Buckets) != len(before.Buckets) {
		t.Errorf("the sum is %v", sum)
	}
	if d.Count != 2 || before.Count != 1 {
		t.Error("Add changed what it added")
	}
}

// What a stranger sends may be nonsense, and must do no harm.
func TestNonsense(t *testing.T) {
	m := &wirepb.Durations{Count: 7, Buckets: make([]uint64, 500)}
	m.Buckets[499] = 3
	if d, ok := durations.Quantile(m, 0.5); !ok || d <= 0 {
		t.Errorf("%v, %v", d, ok)
	}
	durations.Since(m, &wirepb.Durations{Count: 1, Buckets: make([]uint64, 900)})
}
