package report

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
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

// Story tells people how something long goes on, each line with the time since
// the beginning. It is safe for concurrent use.
type Story struct {
	w        io.Writer
	terminal bool
	start    time.Time

	mu    sync.Mutex
	shown time.Time // when something was last shown
	dirty bool      // progress stands on the line
}

// NewStory begins now. Writes that fail are passed over: a story is no result.
func NewStory(w io.Writer) *Story {
	return &Story{w: w, terminal: cli.IsTerminal(w), start: time.Now()}
}

// Elapsed is the time since the beginning.
func (s *Story) Elapsed() time.Duration { return time.Since(s.start) }

// Say tells what has happened.
func (s *Story) Say(format string, args ...any) {
	s.Print(fmt.Sprintf("%6.1fs  %s\n", s.Elapsed().Seconds(), fmt.Sprintf(format, args...)))
}

// Print shows whole lines as they are, without a time.
func (s *Story) Print(lines string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eraseLocked()
	s.shown = time.Now()
	fmt.Fprint(s.w, lines)
}

// Progress shows what is under way: on one line of a terminal, which is drawn
// over, else as a line now and then. It may be called as often as one likes.
func (s *Story) Progress(format string, args ...any) {
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
	line := fmt.Sprintf("%6.1fs  … %s", s.Elapsed().Seconds(), fmt.Sprintf(format, args...))
	if !s.terminal {
		fmt.Fprintln(s.w, line)
		return
	}
	s.dirty = true
	fmt.Fprint(s.w, eraseLine, Fit(line, lineColumns))
}

// End takes the progress off the line.
func (s *Story) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eraseLocked()
}

func (s *Story) eraseLocked() {
	if s.dirty {
		fmt.Fprint(s.w, eraseLine)
		s.dirty = false
	}
}
