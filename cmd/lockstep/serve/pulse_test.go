package serve

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pulse
		time.Sleep(time.Hour)
		if busy := p.Busy(); busy != 0 {
			t.Errorf("busy for %s before any step", busy)
		}
		p.Begin()
		time.Sleep(3 * time.Second)
		if busy := p.Busy(); busy != 3*time.Second {
			t.Errorf("busy for %s, want 3s", busy)
		}
		p.End()
		if busy := p.Busy(); busy != 0 {
			t.Errorf("busy for %s after the step", busy)
		}
	})
}
