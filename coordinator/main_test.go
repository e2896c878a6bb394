package coordinator

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Raft never answers for an entry that waited at its door when the disk hung; the
// process ends then, and in a test the goroutine is left.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/lockstep-exec/lockstep/coordinator/replica.proposals.await.func1"))
}

// patience bounds every wait of a test; only a failing one comes near it.
const patience = 30 * time.Second

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
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
