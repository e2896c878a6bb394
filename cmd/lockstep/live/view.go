package live

import (
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// View is what a watch has seen. It is not safe for concurrent use.
type View struct {
	since time.Time // of the watch
	at    time.Time // of cluster; zero before the first answer
	// cluster is the last answer, and trouble why there is no newer one; nil if
	// there is.
	cluster report.Cluster
	trouble error
	rates   rates
}

// NewView begins to watch.
func NewView(now time.Time) *View { return &View{since: now} }

// See takes what a look at some time came to.
func (v *View) See(at time.Time, c report.Cluster, err error) {
	if err != nil {
		v.trouble, v.rates = err, rates{}
		return
	}
	v.rates = rates{}
	if !v.at.IsZero() {
		v.rates = ratesBetween(v.cluster, c, at.Sub(v.at))
	}
	v.at, v.cluster, v.trouble = at, c, nil
}

// Lines lays it out for a terminal: no line is wider and there are no more than
// rows of them. What does not fit below is left out, and said to be.
func (v *View) Lines(now time.Time, columns, rows int) []string {
	columns, rows = max(columns, 1), max(rows, 1)
	lines := v.head(now, columns)
	if !v.at.IsZero() {
		lines = append(lines, v.body(columns)...)
	}
	if left := len(lines) - rows; left > 0 {
		lines = append(lines[:rows-1:rows-1], fmt.Sprintf("… %s more: make the window taller", report.Plural(left+1, "line")))
	}
	for i, line := range lines {
		lines[i] = text.Snip(line, columns, "…")
	}
	return lines
}

// head is the cluster, how fast it goes, and the sentence.
func (v *View) head(now time.Time, columns int) []string {
	first := "lockstep status"
	if !v.at.IsZero() {
		c := v.cluster
		first = fmt.Sprintf("height %s  epoch %d  %s", report.Count(c.Height), c.Epoch, v.rates)
		if c.Leader != "" {
			first += "  leader " + report.Printable(c.Leader)
		}
	}
	clock := now.Format(time.TimeOnly)
	if space := columns - text.StringWidthWithoutEscSequences(first) - len(clock); space > 1 {
		first += strings.Repeat(" ", space) + clock
	}
	return append(append([]string{first}, wrap(v.sentence(now), columns)...), "")
}

// sentence is the headline, unless nobody answers.
func (v *View) sentence(now time.Time) string {
	switch {
	case v.at.IsZero() && v.trouble == nil:
		return "Asks the coordinators."
	case v.at.IsZero():
		return fmt.Sprintf("No answer for %s: %s", age(now.Sub(v.since)), cli.Sentence(v.trouble))
	case v.trouble != nil:
		return fmt.Sprintf("No answer since %s, %s ago, as of when all below is: %s",
			v.at.Format(time.TimeOnly), age(now.Sub(v.at)), cli.Sentence(v.trouble))
	}
	return Headline(v.cluster)
}

// age is in whole seconds, so that a line moves once in a second.
func age(d time.Duration) string { return report.Duration(d.Truncate(time.Second)) }

// wrap breaks a sentence into lines, of which there are at most three.
func wrap(sentence string, columns int) []string {
	const most = 3
	lines := strings.Split(strings.TrimRight(text.WrapSoft(sentence, columns), "\n "), "\n")
	if len(lines) > most {
		lines = append(lines[:most-1:most-1], text.Snip(strings.Join(lines[most-1:], " "), columns, "…"))
	}
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines
}

// body is the tables, and below each what is wrong with which.
func (v *View) body(columns int) []string {
	c := v.cluster
	lines := shardTable(c.Shards).lines(columns)
	for _, s := range c.Shards {
		if s.Reason != "" {
			lines = append(lines, wrap(fmt.Sprintf("shard %d: %s", s.ID, report.Printable(s.Reason)), columns)...)
		}
	}
	if len(c.Coordinators) > 0 {
		lines = append(append(lines, ""), memberTable(c.Coordinators).lines(columns)...)
		for _, m := range c.Coordinators {
			if m.Reason != "" {
				lines = append(lines, wrap(report.Printable(m.Name)+": "+report.Printable(m.Reason), columns)...)
			}
		}
	}
	if len(c.InFlight) > 0 {
		lines = append(append(lines, ""), flightTable(c.InFlight).lines(columns)...)
	}
	if more := len(c.InFlight) - mostFlights; more > 0 || c.QueuedBlocks > 0 {
		behind := uint64(max(more, 0)) + c.QueuedBlocks
		lines = append(lines, "", fmt.Sprintf("%s more; %s in all are not decided.", report.Plural(behind, "block"), report.Bytes(c.QueuedBytes)))
	}
	return lines
}
