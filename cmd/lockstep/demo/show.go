package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/process"
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

// stage is where the story is told. It may be used from many goroutines at once.
type stage struct {
	w        io.Writer
	results  io.Writer // for JSON; nil if none is wanted
	terminal bool
	start    time.Time

	mu    sync.Mutex
	drawn time.Time // when progress was last shown
	dirty bool      // something stands on the line
}

func newStage(o Options) *stage {
	s := &stage{w: o.Out, start: time.Now()}
	if o.JSON {
		s.w, s.results = o.Err, o.Out
	}
	s.terminal = cli.IsTerminal(s.w)
	return s
}

// heading begins a step.
func (s *stage) heading(format string, args ...any) {
	title := fmt.Sprintf(format, args...)
	s.print(fmt.Sprintf("\n%s\n%s\n", title, strings.Repeat("=", len([]rune(title)))))
}

// say tells what has happened, with the time since the beginning.
func (s *stage) say(format string, args ...any) {
	s.print(fmt.Sprintf("%6.1fs  %s\n", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...)))
}

// table shows a table between empty lines.
func (s *stage) table(t *report.Table) {
	var out strings.Builder
	out.WriteByte('\n')
	t.WriteTo(&out)
	out.WriteByte('\n')
	s.print(indent(out.String()))
}

func indent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "  " + line
		}
	}
	return strings.Join(lines, "\n")
}

func (s *stage) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eraseLocked()
	s.drawn = time.Now()
	io.WriteString(s.w, text)
}

// progress shows what is under way: on one line of a terminal, else now and then.
func (s *stage) progress(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	every := sayEvery
	if s.terminal {
		every = redrawEvery
	}
	if time.Since(s.drawn) < every {
		return
	}
	s.drawn = time.Now()
	line := fmt.Sprintf("%6.1fs  … %s", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
	if !s.terminal {
		fmt.Fprintln(s.w, line)
		return
	}
	s.dirty = true
	fmt.Fprint(s.w, eraseLine, report.Fit(line, lineColumns))
}

func (s *stage) eraseLocked() {
	if s.dirty {
		fmt.Fprint(s.w, eraseLine)
		s.dirty = false
	}
}

// result gives a step's figures to programs.
func (s *stage) result(step string, figures any) error {
	if s.results == nil {
		return nil
	}
	return cli.WriteJSON(s.results, struct {
		Step    string  `json:"step"`
		Seconds float64 `json:"seconds"` // since the beginning
		Result  any     `json:"result"`
	}{step, time.Since(s.start).Seconds(), figures})
}

// logs shows the last lines of all logs, for whoever looks for the cause of a
// failure.
func (s *stage) logs(processes []*process.Process) {
	var out strings.Builder
	for _, p := range processes {
		fmt.Fprintf(&out, "\nThe log of %s, %s, ends:\n", p.Name, p.Log)
		for _, line := range p.Tail() {
			fmt.Fprintf(&out, "  %s\n", line)
		}
	}
	s.print(out.String())
}
