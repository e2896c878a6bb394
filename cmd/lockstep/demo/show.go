package demo

import (
	"fmt"
	"io"
	"strings"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/process"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// stage is where the story is told. It may be used from many goroutines at once.
type stage struct {
	*report.Story
	results io.Writer // for JSON; nil if none is wanted
}

func newStage(o Options) *stage {
	if o.JSON {
		return &stage{report.NewStory(o.Err), o.Out}
	}
	return &stage{report.NewStory(o.Out), nil}
}

// heading begins a step.
func (s *stage) heading(format string, args ...any) {
	title := fmt.Sprintf(format, args...)
	s.Print(fmt.Sprintf("\n%s\n%s\n", title, strings.Repeat("=", len([]rune(title)))))
}

// table shows a table between empty lines.
func (s *stage) table(t *report.Table) {
	var out strings.Builder
	out.WriteByte('\n')
	t.WriteTo(&out)
	out.WriteByte('\n')
	s.Print(indent(out.String()))
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

// result gives a step's figures to programs.
func (s *stage) result(step string, figures any) error {
	if s.results == nil {
		return nil
	}
	return cli.WriteJSON(s.results, struct {
		Step    string  `json:"step"`
		Seconds float64 `json:"seconds"` // since the beginning
		Result  any     `json:"result"`
	}{step, s.Elapsed().Seconds(), figures})
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
	s.Print(out.String())
}
