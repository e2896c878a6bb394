package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/demo/process"
)

const (
	// lookEvery is how often a condition is looked at.
	lookEvery = 50 * time.Millisecond
	// awaitTimeout bounds every wait.
	awaitTimeout = 45 * time.Second
)

// await looks at all daemons until a condition holds, and gives what it saw. A
// process that should run and does not ends the wait, and so does the time.
func (d *demo) await(ctx context.Context, what string, holds func(view) bool) (view, error) {
	began := time.Now()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		v := d.cluster.look(ctx)
		if err := ctx.Err(); err != nil {
			return v, context.Cause(ctx)
		}
		if holds(v) {
			return v, nil
		}
		if err := d.allAlive(); err != nil {
			return v, fmt.Errorf("waiting until %s: %w", what, err)
		}
		if time.Since(began) > awaitTimeout {
			return v, fmt.Errorf("waited %v until %s, in vain; the last that was seen: %s", awaitTimeout, what, v)
		}
		d.stage.progress("waiting until %s: %s", what, v)
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// allAlive says which process ended that the demo has not killed.
func (d *demo) allAlive() error {
	for _, p := range d.cluster.processes() {
		if err := p.Alive(); err != nil && d.victim != p {
			return err
		}
	}
	return nil
}

// kill kills a process, which is then expected to be down.
func (d *demo) kill(p *process.Process) {
	d.victim = p
	p.Kill()
}
