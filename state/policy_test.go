package state

import (
	"testing"
	"time"
)

// pendingAt makes pending layers of a number of bytes each, committed at the
// given milliseconds.
func pendingAt(bytes int64, ms ...int) (layers []*layer) {
	for _, at := range ms {
		layers = append(layers, &layer{bytes: bytes, committedAt: millis(at)})
	}
	return layers
}

func millis(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }

func TestPolicy(t *testing.T) {
	p := Policy{MaxBytes: 100, MaxAge: time.Second, HoldBack: 2, IdleAfter: 500 * time.Millisecond}
	for _, test := range []struct {
		name      string
		now, last int // ms
		pending   []*layer
		batch     int
		wait      time.Duration
	}{
		{"nothing pending", 0, 0, nil, 0, untilChanged},
		{"all held back", 100, 0, pendingAt(1, 50, 60), 0, 460 * time.Millisecond},
		{"idle takes what is held back", 560, 0, pendingAt(1, 50, 60), 2, 0},
		{"young", 400, 0, pendingAt(1, 50, 200, 300, 390), 0, 490 * time.Millisecond},
		{"age comes before idle", 900, 0, pendingAt(1, 50, 700, 800, 890), 0, 150 * time.Millisecond},
		{"old", 1050, 0, pendingAt(1, 50, 700, 800, 890), 2, 0},
		{"old, but a checkpoint was just made", 1050, 500, pendingAt(1, 50, 700, 800, 1000), 0, 450 * time.Millisecond},
		{"bytes", 100, 0, pendingAt(30, 10, 20, 30, 40), 3, 0}, // two do not fit into half of MaxBytes
		{"one height of many bytes", 100, 0, pendingAt(300, 10), 1, 0},
		{"no more than twice the bytes", 900, 0, pendingAt(70, 10, 20, 30, 40, 50, 60), 2, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			batch, wait := p.plan(millis(test.now), millis(test.last), test.pending)
			if len(batch) != test.batch || wait != test.wait {
				t.Errorf("%d heights, wait %v; want %d, %v", len(batch), wait, test.batch, test.wait)
			}
		})
	}
}

func TestPolicyDefaults(t *testing.T) {
	want := Policy{MaxBytes: 32 << 20, MaxAge: 10 * time.Second, HoldBack: 16, IdleAfter: 500 * time.Millisecond, RetryAfter: time.Second}
	if got := (Policy{}).withDefaults(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := (Policy{HoldBack: -1}).withDefaults().withoutHeldBack(pendingAt(1, 1, 2)); len(got) != 2 {
		t.Errorf("%d heights free, want all 2", len(got))
	}
}
