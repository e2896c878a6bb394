package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/recovery"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// scanProgress keeps one line of a terminal up to date while files are read.
type scanProgress struct {
	w     io.Writer
	calls uint64
	drawn time.Time
}

const (
	eraseLine   = "\r\x1b[K"
	redrawEvery = 100 * time.Millisecond
	// lookEvery is how many calls there are between two looks at the clock.
	lookEvery = 256
)

// progressOn gives progress on standard error if that is a terminal, and what
// ends it. The line appears only if the work takes a while.
func progressOn(cmd *cobra.Command) (recovery.Progress, func()) {
	w := cmd.ErrOrStderr()
	if !cli.IsTerminal(w) {
		return nil, func() {}
	}
	p := &scanProgress{w: w, drawn: time.Now()}
	return p.tell, func() { fmt.Fprint(w, eraseLine) }
}

func (p *scanProgress) tell(what string, done uint64) {
	if p.calls++; p.calls%lookEvery != 0 || time.Since(p.drawn) < redrawEvery {
		return
	}
	p.drawn = time.Now()
	fmt.Fprintf(p.w, "%sread %s %s", eraseLine, report.Count(done), what)
}
