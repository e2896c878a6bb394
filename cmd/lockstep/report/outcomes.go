package report

import (
	"maps"
	"slices"
	"strings"

	"github.com/lockstep-exec/lockstep/protocol"
)

// OutcomeText names outcomes with their numbers: applied first, then by name.
func OutcomeText(counts map[string]uint64) string { return strings.Join(outcomeLines(counts), ", ") }

func outcomeLines(counts map[string]uint64) []string {
	lines := slices.SortedFunc(maps.Keys(counts), appliedFirst)
	for i, name := range lines {
		lines[i] = Count(counts[name]) + " " + Phrase(name)
	}
	return lines
}

func appliedFirst(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == protocol.OutcomeApplied:
		return -1
	case b == protocol.OutcomeApplied:
		return 1
	}
	return strings.Compare(a, b)
}
