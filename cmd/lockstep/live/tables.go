package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// mostFlights bounds the blocks under way that are shown one by one.
const mostFlights = 8

// column is one column of a table, with what it shows of a row.
type column[R any] struct {
	name string // with '>' before it to align to the right
	cell func(R) any
	// spare orders the columns that are left out when it is narrow: the highest
	// goes first, and one with 0 stays.
	spare int
}

// grid is a table that leaves columns out until it fits.
type grid[R any] struct {
	columns []column[R]
	rows    []R
}

func (g grid[R]) lines(width int) []string {
	columns := g.columns
	for {
		lines := g.render(columns)
		widest := slices.MaxFunc(columns, func(a, b column[R]) int { return cmp.Compare(a.spare, b.spare) })
		if fits(lines, width) || widest.spare == 0 {
			return lines
		}
		columns = slices.DeleteFunc(slices.Clone(columns), func(c column[R]) bool { return c.spare == widest.spare })
	}
}

func (g grid[R]) render(columns []column[R]) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	t := report.NewTable(names...)
	for _, row := range g.rows {
		cells := make([]any, len(columns))
		for i, c := range columns {
			cells[i] = c.cell(row)
		}
		t.Row(cells...)
	}
	var out strings.Builder
	t.WriteTo(&out)
	return strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
}

func fits(lines []string, width int) bool {
	return !slices.ContainsFunc(lines, func(line string) bool { return text.StringWidthWithoutEscSequences(line) > width })
}

func shardTable(shards []report.Shard) grid[report.Shard] {
	type s = report.Shard
	return grid[s]{rows: shards, columns: []column[s]{
		{">shard", func(s s) any { return s.ID }, 0},
		{"state", func(s s) any { return report.Phrase(s.State) }, 0},
		{">height", func(s s) any { return s.HeightCell(s.CommittedHeight) }, 0},
		{">checkpoint", func(s s) any { return s.HeightCell(s.CheckpointedHeight) }, 3},
		{">prepared", func(s s) any { return preparedCell(s) }, 0},
		{"digest", func(s s) any { return s.DigestCell(16) }, 4},
		{"address", func(s s) any { return report.OrDash(s.Address) }, 1},
	}}
}

// preparedCell is how many attempts wait for their decision, and the age of the
// oldest.
func preparedCell(s report.Shard) string {
	if len(s.Prepared) == 0 {
		return "-"
	}
	n, oldest := prepared(report.Cluster{Shards: []report.Shard{s}})
	return fmt.Sprintf("%d, %s", n, report.Duration(oldest))
}

func flightTable(flights []report.InFlight) grid[report.InFlight] {
	type f = report.InFlight
	return grid[f]{rows: flights[:min(len(flights), mostFlights)], columns: []column[f]{
		{">height", func(f f) any { return report.Count(f.Height) }, 0},
		{"block", func(f f) any { return report.Fit(report.Printable(f.Block), 24) }, 2},
		{">attempt", func(f f) any { return attemptCell(f) }, 1},
		{"phase", func(f f) any { return f.Stage() }, 0},
		{">age", func(f f) any { return report.Duration(time.Duration(f.AgeMs) * time.Millisecond) }, 0},
		{"waits for", func(f f) any { return waitsCell(f) }, 0},
	}}
}

func attemptCell(f report.InFlight) string {
	if f.Attempt == 0 {
		return "-"
	}
	return fmt.Sprintf("%d.%d", f.Epoch, f.Attempt)
}

func waitsCell(f report.InFlight) string {
	if len(f.WaitingFor) == 0 {
		return "-"
	}
	return shardNames(f.WaitingFor)
}

func memberTable(members []report.Coordinator) grid[report.Coordinator] {
	type m = report.Coordinator
	return grid[m]{rows: members, columns: []column[m]{
		{"coordinator", func(m m) any { return report.Fit(report.Printable(m.Name), 24) }, 0},
		{"role", func(m m) any { return m.Role }, 0},
		{"state", func(m m) any { return report.Phrase(m.State) }, 0},
		{">term", func(m m) any { return report.Count(m.Term) }, 3},
		{">behind", func(m m) any { return behindCell(m) }, 0},
		{">contact", func(m m) any { return contactCell(m) }, 2},
		{"address", func(m m) any { return report.OrDash(m.Address) }, 1},
	}}
}

// behindCell is how many entries a member is behind; the leader never is.
func behindCell(m report.Coordinator) string {
	if m.Role == "leader" {
		return "-"
	}
	return report.Count(m.Behind)
}

func contactCell(m report.Coordinator) string {
	if m.ContactMs == nil {
		return "-"
	}
	return report.Duration(time.Duration(*m.ContactMs) * time.Millisecond)
}
