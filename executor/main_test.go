package executor

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; only a failing one comes near it.
const patience = 30 * time.Second

// eventually waits until the condition holds.
func eventually(t fataler, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("waited %v in vain until %s", patience, what)
		}
	}
}

// receive takes the next value of a channel.
func receive[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case v, ok := <-from:
		if !ok {
			t.Fatalf("the channel was closed instead of %s", what)
		}
		return v
	case <-time.After(patience):
		t.Fatalf("waited %v in vain for %s", patience, what)
	}
	panic("unreachable")
}

func fixedNow() time.Time { return time.UnixMilli(1_700_000_000_000) }
