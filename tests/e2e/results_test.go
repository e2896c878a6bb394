package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// submitted is a line of submit -o json: that of a block, or with --outcomes
// that of a transaction.
type submitted struct {
	Block        string         `json:"block"`
	Height       uint64         `json:"height"`
	Decision     string         `json:"decision"`
	Transactions int            `json:"transactions"`
	Outcomes     map[string]int `json:"outcomes"`
	Root         string         `json:"root"`
	Outcome      string         `json:"outcome"`
}

func parseSubmitted(t *testing.T, out string) (lines []submitted) {
	t.Helper()
	for line := range strings.Lines(out) {
		var s submitted
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		lines = append(lines, s)
	}
	return lines
}

// submit submits files and gives the output, after checking that all went well.
func submit(t *testing.T, c *cluster.Cluster, files ...string) string {
	t.Helper()
	return wantDone(t, c.Lockstep(submitArgs(files...)...))
}

func submitArgs(files ...string) []string {
	return append([]string{"submit", "-o", "json", "--outcomes"}, files...)
}

// wantDone checks that a command did what it was asked, and gives its output.
func wantDone(t *testing.T, r cluster.Result) string {
	t.Helper()
	if r.Code != 0 {
		t.Fatalf("exit code %d: %s", r.Code, r.Err)
	}
	return r.Out
}

// wantAllApplied checks every block and every transaction that was submitted.
func wantAllApplied(t *testing.T, out string, transactions int) {
	t.Helper()
	inBlocks, alone := 0, 0
	for _, s := range parseSubmitted(t, out) {
		switch {
		case s.Outcome == "applied":
			alone++
		case s.Outcome != "":
			t.Fatalf("a transaction of block %s was not applied: %s", s.Block, s.Outcome)
		case s.Decision != "committed" || s.Outcomes["applied"] != s.Transactions:
			t.Fatalf("block %s: %s, %v of %d", s.Block, s.Decision, s.Outcomes, s.Transactions)
		default:
			inBlocks += s.Transactions
		}
	}
	if inBlocks != transactions || alone != transactions {
		t.Errorf("%d transactions in blocks, %d by themselves, want %d", inBlocks, alone, transactions)
	}
}
