package bench

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

const (
	// redrawEvery bounds the cost of drawing a progress line.
	redrawEvery = 100 * time.Millisecond
	// sayEvery is how often progress becomes a line where none can be redrawn.
	sayEvery = 3 * time.Second
	// lineColumns is what fits on one line of any terminal.
	lineColumns = 78
	// eraseLine goes back to the start of the line and clears it.
	eraseLine = "\r\x1b[K"
)

// story tells how a run goes on. It may be used from many goroutines at once.
type story struct {
	w        io.Writer
	terminal bool
	start    time.Time

	mu    sync.Mutex
	shown time.Time // when something was last shown
	dirty bool      // something stands on the line
}

func newStory(w io.Writer) *story {
	return &story{w: w, terminal: cli.IsTerminal(w), start: time.Now()}
}

// say tells what has happened, with the time since the beginning.
func (s *story) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eraseLocked()
	s.shown = time.Now()
	fmt.Fprintf(s.w, "%6.1fs  %s\n", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

// progress shows what is under way: on one line of a terminal, else now and then.
func (s *story) progress(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	every := sayEvery
	if s.terminal {
		every = redrawEvery
	}
	if time.Since(s.shown) < every {
		return
	}
	s.shown = time.Now()
	line := fmt.Sprintf("%6.1fs  … %s", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
	if !s.terminal {
		fmt.Fprintln(s.w, line)
		return
	}
	s.dirty = true
	fmt.Fprint(s.w, eraseLine, report.Fit(line, lineColumns))
}

// end clears the line.
func (s *story) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eraseLocked()
}

func (s *story) eraseLocked() {
	if s.dirty {
		fmt.Fprint(s.w, eraseLine)
		s.dirty = false
	}
}
