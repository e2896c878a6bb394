package demo

import (
	"context"
	"fmt"
	"time"
)

const (
	// lookEvery is how often a condition is looked at.
	lookEvery = 50 * time.Millisecond
	// awaitTimeout bounds every wait.
	awaitTimeout = 45 * time.Second
)

// await looks at all daemons until a condition holds, and gives what it saw.
func (d *demo) await(ctx context.Context, what string, holds func(view) bool) (view, error) {
	return d.cluster.await(ctx, what, holds, func(v view) { d.stage.Progress("waiting until %s: %s", what, v) })
}

func (c *cluster) await(ctx context.Context, what string, holds func(view) bool, meanwhile func(view)) (view, error) {
	began := time.Now()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		v := c.look(ctx)
		if err := ctx.Err(); err != nil {
			return v, context.Cause(ctx)
		}
		if holds(v) {
			return v, nil
		}
		if time.Since(began) > awaitTimeout {
			return v, fmt.Errorf("waited %v until %s, in vain; the last that was seen: %s", awaitTimeout, what, v)
		}
		meanwhile(v)
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}
