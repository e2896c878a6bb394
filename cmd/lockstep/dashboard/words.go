package dashboard

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// ago writes how long something has lasted, as people say it: in whole units.
func ago(ms uint64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < time.Second:
		return "less than 1 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// mostNamed bounds how many numbers of shards a sentence names.
const mostNamed = 8

// shards names shards: "shard 2", "shards 0, 1 and 3", or how many.
func shards(ids []uint32) string {
	switch {
	case len(ids) == 1:
		return fmt.Sprintf("shard %d", ids[0])
	case len(ids) > mostNamed:
		return fmt.Sprintf("%d shards", len(ids))
	}
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.Itoa(int(id))
	}
	return "shards " + and(words)
}

// and joins words: "a, b and c".
func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// blocks names blocks by their heights: "Block 813", "Blocks 813 to 815".
func blocks(heights []uint64) string {
	low, high := slices.Min(heights), slices.Max(heights)
	switch {
	case low == high:
		return "Block " + report.Count(low)
	case high-low+1 == uint64(len(heights)):
		return fmt.Sprintf("Blocks %s to %s", report.Count(low), report.Count(high))
	}
	return fmt.Sprintf("%d blocks from %s to %s", len(heights), report.Count(low), report.Count(high))
}

// verb takes an s if there is one who does it.
func verb(n int, word string) string {
	if n == 1 {
		return word + "s"
	}
	return word
}

// sentence ends text with one full stop.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") {
		return text
	}
	return text + "."
}
