package live

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// TestNothingThatIsSaidActsOnTheTerminal: of escape sequences there are none but
// those that colour lines.
func TestNothingThatIsSaidActsOnTheTerminal(t *testing.T) {
	const hostile = "x\x1b[2J\r\u202eb\u009bc\xff"
	v := &View{}
	for _, c := range []report.Cluster{
		{Quarantined: hostile},
		{Shards: []report.Shard{{State: hostile, Reason: hostile, Address: hostile, StateDigest: hostile}}},
		{InFlight: []report.InFlight{{Block: hostile, Phase: hostile, AgeMs: 99_000}}},
		{Cluster: hostile, Leader: hostile, Root: hostile, Coordinators: []report.Coordinator{{Name: hostile, Role: hostile, State: hostile, Address: hostile, Reason: hostile, ShortOfSpace: hostile}}},
	} {
		for _, err := range []error{nil, errors.New(hostile)} {
			v.See(noon, c, err)
			for _, line := range v.Lines(noon.Add(2*time.Second), 200, 60) {
				if line = text.StripEscape(line); strings.Contains(line, "[2J") && !strings.Contains(line, `\x1b[2J`) || !cli.IsText(line) && line != "" {
					t.Errorf("a terminal would act on %q", line)
				}
			}
		}
	}
}
