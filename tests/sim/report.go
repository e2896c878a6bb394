package sim

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// Command is the command line that runs one seed with these options again, and
// prints everything that happens.
func Command(seed uint64, o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "go test ./tests/sim -v -count=1 -run TestSeeds -sim.trace -sim.seeds=1 -sim.seed=%d", seed)
	for _, n := range []struct {
		name  string
		value int
	}{{"steps", o.Steps}, {"shards", o.Shards}, {"blocks", o.Blocks}} {
		if n.value > 0 {
			fmt.Fprintf(&b, " -sim.%s=%d", n.name, n.value)
		}
	}
	if o.Plain {
		b.WriteString(" -sim.plain")
	}
	if o.FileLogs == Always {
		b.WriteString(" -sim.files")
	}
	switch left := AllFaults &^ o.Without; {
	case left == 0:
		b.WriteString(" -sim.only=none")
	case len(left.Kinds()) < len(o.Without.Kinds()):
		fmt.Fprintf(&b, " -sim.only=%s", left)
	case o.Without != 0:
		fmt.Fprintf(&b, " -sim.without=%s", o.Without)
	}
	if len(o.Skip) > 0 {
		fmt.Fprintf(&b, " -sim.skip=%s", ordinals(o.Skip))
	}
	return b.String()
}

// ordinals writes a set of numbers as 3,5-9.
func ordinals(set map[int]bool) string {
	var parts []string
	list := slices.Sorted(maps.Keys(set))
	for i := 0; i < len(list); {
		end := i
		for end+1 < len(list) && list[end+1] == list[end]+1 {
			end++
		}
		part := strconv.Itoa(list[i])
		if end > i {
			part += "-" + strconv.Itoa(list[end])
		}
		parts = append(parts, part)
		i = end + 1
	}
	return strings.Join(parts, ",")
}

// ParseOrdinals reads what a Command has for single faults.
func ParseOrdinals(text string) (map[int]bool, error) {
	set := map[int]bool{}
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		low, high, ranged := strings.Cut(part, "-")
		if !ranged {
			high = low
		}
		from, err1 := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("faults %q are neither a number nor a range: give for example 3,5-9", part)
		}
		for n := from; n <= to; n++ {
			set[n] = true
		}
	}
	return set, nil
}

// ParseFaults reads the names of kinds of faults, or none.
func ParseFaults(text string) (set Faults, err error) {
	if text == "none" {
		return 0, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		if name == "" {
			continue
		}
		f, ok := FaultNamed(name)
		if !ok {
			return 0, fmt.Errorf("there is no kind of fault %q: give some of %s", name, AllFaults)
		}
		set |= Of(f)
	}
	return set, nil
}

// WriteTable prints the totals for people.
func (t Totals) WriteTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s seeds, %s steps, %s blocks decided, %s simulated, in %s: %.1f seeds/s, %d failed; at most %s steps and %s to come to rest\n\n",
		report.Count(t.Seeds), report.Count(t.Steps), report.Count(t.Blocks), t.Simulated.Round(time.Second), t.Took.Round(time.Millisecond), t.Rate(), len(t.Failures), report.Count(t.Settled), t.SettledIn.Round(time.Millisecond))
	table := report.NewTable("what", ">times", ">per seed")
	for _, what := range slices.Sorted(maps.Keys(t.Counts)) {
		table.Row(what, report.Count(t.Counts[what]), fmt.Sprintf("%.2f", float64(t.Counts[what])/float64(max(t.Seeds, 1))))
	}
	table.WriteTo(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// Rate is the number of seeds in a second.
func (t Totals) Rate() float64 { return float64(t.Seeds) / max(t.Took.Seconds(), 1e-9) }
