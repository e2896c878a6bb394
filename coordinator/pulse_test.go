package coordinator

import (
	"sync/atomic"
	"testing"
	"time"
)

// beat counts steps, and notes whether one is under way.
type beat struct {
	busy  atomic.Bool
	steps atomic.Int64
}

func (b *beat) Begin() { b.busy.Store(true) }
func (b *beat) End()   { b.busy.Store(false); b.steps.Add(1) }

// A loop that waits for a disk which does not answer is in the middle of a step
// for as long, and between steps when it has nothing to do.
func TestThePulseStopsWithTheDisk(t *testing.T) {
	var hangs atomic.Bool
	entered, gate := make(chan struct{}), make(chan struct{})
	var pulse beat
	f := newOffice(t, Options{Pulse: &pulse, LogForced: func(time.Duration) {
		if hangs.CompareAndSwap(true, false) {
			close(entered)
			<-gate
		}
	}})
	newPuppet(t, f)
	f.commits("a", 1)
	eventually(t, "it has nothing to do", func() bool { return !pulse.busy.Load() && pulse.steps.Load() > 0 })
	hangs.Store(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.commits("b", 2)
	}()
	<-entered
	eventually(t, "it stands still", pulse.busy.Load) // the force is made beside it
	close(gate)
	<-done
	eventually(t, "it goes on", func() bool { return !pulse.busy.Load() })
	if err := f.stop(); err != nil {
		t.Error(err)
	}
	if pulse.busy.Load() {
		t.Error("busy when it has ended")
	}
}
