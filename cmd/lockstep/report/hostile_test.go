package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// hostile would clear the screen, write another line, or turn the line round.
const hostile = "x\x1b[2J\r\u202eb\u009bc\xff"

// wantText checks that a terminal shows each line as it is.
func wantText(t *testing.T, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		if line = strings.TrimSuffix(line, "\n"); !cli.IsText(line) {
			t.Errorf("a terminal would act on %q", line)
		}
	}
	if !strings.Contains(out, `x\x1b[2J`) {
		t.Errorf("what was said is missing:\n%s", out)
	}
}

func TestNothingInATableActsOnATerminal(t *testing.T) {
	table := NewTable(">height", "any")
	table.Row(1, hostile+"\n"+hostile)
	var out bytes.Buffer
	if _, err := table.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	wantText(t, out.String())
}

func TestAStatusOfLiesDoesNotActOnATerminal(t *testing.T) {
	c := Cluster{
		Cluster: strings.Repeat("0", 32), Quarantined: hostile,
		Shards:       []Shard{{State: hostile, Reason: hostile, Address: hostile, StateDigest: hostile}},
		InFlight:     []InFlight{{Block: hostile, Phase: hostile}},
		Coordinators: []Coordinator{{Name: hostile, Role: hostile, State: hostile, Address: hostile, Reason: hostile}},
	}
	var out bytes.Buffer
	if err := c.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	wantText(t, out.String())
}

func TestABlockOfLiesDoesNotActOnATerminal(t *testing.T) {
	b := BlockOf(&wirepb.Block{Key: hostile, OutcomeCounts: []*wirepb.OutcomeCount{{Name: hostile, Count: 1}}})
	var out bytes.Buffer
	if err := b.WriteDetails(&out); err != nil {
		t.Fatal(err)
	}
	wantText(t, out.String())
	table := NewBlockTable()
	table.Add(b)
	out.Reset()
	if _, err := table.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if !cli.IsText(strings.TrimSuffix(line, "\n")) {
			t.Errorf("a terminal would act on %q", line)
		}
	}
}
