package perf

import (
	"context"
	"time"
)

const (
	clockTime = time.Second
	clockStep = time.Millisecond
)

// ClockResult is how evenly time goes on for a process of this machine.
type ClockResult struct {
	// Backward is how often the monotonic clock went back, which it never must.
	Backward int `json:"backward"`
	// JumpMs is how far the clock of the day and the monotonic one parted.
	JumpMs float64 `json:"jump_ms"`
	// LateMs is by how much a process was woken up too late, at worst.
	LateMs float64 `json:"late_ms"`
}

// Clock looks at the clocks for a second.
func Clock(ctx context.Context) (c ClockResult, err error) {
	tick := time.NewTimer(clockStep)
	defer tick.Stop()
	began := time.Now()
	for last := began; last.Sub(began) < clockTime; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c, context.Cause(ctx)
		}
		now := time.Now()
		passed := now.Sub(last)
		if passed < 0 {
			c.Backward++
		}
		c.LateMs = max(c.LateMs, milliseconds(passed-clockStep))
		c.JumpMs = max(c.JumpMs, milliseconds((now.Round(0).Sub(began.Round(0)) - now.Sub(began)).Abs()))
		last = now
		tick.Reset(clockStep)
	}
	return c, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
