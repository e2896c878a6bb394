package submit

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/coordinator/client"
)

// Summary adds up results.
type Summary struct {
	Blocks       int // committed
	Transactions int // of those
	Outcomes     map[string]uint64
	Height       uint64 // of the last of those
	Root         string
}

// Add counts a result. Only what is committed counts.
func (s *Summary) Add(r report.Submitted) {
	if r.Decision != string(client.Committed) {
		return
	}
	s.Blocks++
	s.Transactions += r.Transactions
	if s.Outcomes == nil {
		s.Outcomes = map[string]uint64{}
	}
	for name, n := range r.Outcomes {
		s.Outcomes[name] += n
	}
	if r.Height > s.Height {
		s.Height, s.Root = r.Height, r.Root
	}
}

// Text spells the sums for people: a line or two.
func (s *Summary) Text(took time.Duration) string {
	if s.Blocks == 0 {
		return "no blocks committed"
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s committed, %s in %s", report.Plural(s.Blocks, "block"), report.Plural(s.Transactions, "transaction"), report.Duration(took))
	if rate := float64(s.Transactions) / took.Seconds(); took > 0 && rate >= 1 {
		fmt.Fprintf(&out, ", %s a second", report.Count(int(rate)))
	}
	fmt.Fprintf(&out, "\n%s\nheight %s, root %s", report.OutcomeText(s.Outcomes), report.Count(s.Height), s.Root)
	return out.String()
}
