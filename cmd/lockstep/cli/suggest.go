package cli

import "fmt"

// nearest gives the candidate that is most like name, if one is like enough to
// be what was meant.
func nearest(name string, candidates []string) (string, bool) {
	best, found := max(1, len(name)/3)+1, ""
	for _, c := range candidates {
		if d := distance(name, c); d < best {
			best, found = d, c
		}
	}
	return found, found != ""
}

// didYouMean ends a sentence about an unknown name: with a suggestion, written
// as format says, or with otherwise if nothing is like it.
func didYouMean(name string, candidates []string, format, otherwise string) string {
	if found, ok := nearest(name, candidates); ok {
		return fmt.Sprintf("did you mean %q?", fmt.Sprintf(format, found))
	}
	return otherwise
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differs(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func differs(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
