package executor

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
	b := newBoss(t, 1)
	h := newHouse(t, b, 0)
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	var hangs atomic.Bool
	entered, gate := make(chan struct{}), make(chan struct{})
	var pulse beat
	h.options.Pulse = &pulse
	h.options.LogForced = func(time.Duration) {
		if hangs.CompareAndSwap(true, false) {
			close(entered)
			<-gate
		}
	}
	h.start()
	_, block := put(b, 0, 1)
	b.commits(block)
	h.awaits(1)
	eventually(t, "it has nothing to do", func() bool { return !pulse.busy.Load() && pulse.steps.Load() > 0 })
	hangs.Store(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, block := put(b, 0, 2)
		b.commits(block)
	}()
	<-entered
	if !pulse.busy.Load() {
		t.Error("the disk does not answer, and the loop has nothing to do")
	}
	close(gate)
	<-done
	h.awaits(2)
	eventually(t, "it goes on", func() bool { return !pulse.busy.Load() })
}
