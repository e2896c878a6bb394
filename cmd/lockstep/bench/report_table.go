package bench

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

// writeTables prints the report for people.
func writeTables(to io.Writer, r Report) error {
	w := bufio.NewWriter(to)
	writeSummary(w, r)
	if len(r.Compare) > 0 {
		writeComparisons(w, r)
	}
	if len(r.Processes) > 0 {
		writeProcesses(w, r)
		writeMemory(w, r)
	}
	if r.Restart != nil {
		fmt.Fprintf(w, "\n%s\n", r.Restart.sentence())
	}
	if r.Away != nil {
		writeAway(w, *r.Away)
	}
	fmt.Fprintf(w, "\nLoad: %s\nMachine: %s\n", r.Settings.sentence(), machineSentence(r.Machine))
	if r.Machine.Volatile() {
		fmt.Fprintf(w, "The data was on %s, where a sync costs nothing: give --data a directory on a disk.\n", r.Machine.FileSystem)
	}
	fmt.Fprintf(w, "%s\n", r.Checks.sentence())
	return w.Flush()
}

func writeSummary(w *bufio.Writer, r Report) {
	fmt.Fprintf(w, "%s transactions a second: %s in %s, in %.2fs\n", report.Count(int(r.Throughput)), report.Count(r.Tx), report.Plural(r.Blocks, "block"), r.Seconds)
	fmt.Fprintf(w, "%s; %.0f%% across shards\n", outcomes(r.Outcomes), 100*r.Cross)
	fmt.Fprintf(w, "all checkpointed after %.2fs, which makes %s a second\n", r.SettledIn, report.Count(int(r.Settled)))
	if r.CPUPer != nil {
		fmt.Fprintf(w, "a transaction took %s of processor time and %s of writing\n", micros(r.CPUPer), bytesPer(r.WrittenPer))
	}
	fmt.Fprintln(w)
	t := report.NewTable("time", ">p50", ">p95", ">p99", ">longest")
	row := func(name string, p measure.Percentiles) { t.Row(name, ms(p.P50), ms(p.P95), ms(p.P99), ms(p.Max)) }
	row("a block, under this load", r.Latency)
	if r.Tiny != nil {
		row("a block of one transaction, alone", *r.Tiny)
	}
	row("an fsync of 4 KiB", r.Fsync)
	t.WriteTo(w)
}

func writeComparisons(w *bufio.Writer, r Report) {
	fmt.Fprintln(w)
	t := report.NewTable("compared with", ">a second", ">ours/theirs", ">lowest", ">highest", ">settled", ">CPU")
	for _, name := range slices.Sorted(maps.Keys(r.Compare)) {
		c := r.Compare[name]
		t.Row(name, report.Count(int(c.Throughput)), ratio(&c.Ratio), ratio(&c.Lowest), ratio(&c.Highest), ratio(&c.SettledBy), ratio(c.CPURatio))
	}
	t.WriteTo(w)
	fmt.Fprintln(w)
	for _, name := range slices.Sorted(maps.Keys(r.Compare)) {
		fmt.Fprintf(w, "%s: %s\n", name, r.Compare[name].What)
	}
	fmt.Fprintln(w, "settled: the ratio until ours was checkpointed; CPU: that of the processor times")
}

func writeProcesses(w *bufio.Writer, r Report) {
	fmt.Fprintln(w)
	t := report.NewTable("process", ">CPU", ">a transaction", ">written", ">a transaction")
	for _, p := range r.Processes {
		written, per := "-", "-"
		if p.Written != nil {
			written, per = size(*p.Written), size(*p.Written/int64(max(r.Tx, 1)))
		}
		t.Row(p.Name, fmt.Sprintf("%.2fs", p.CPU), micros(&p.CPUPer), written, per)
	}
	t.WriteTo(w)
}

func (s Settings) sentence() string {
	var parts []string
	if s.Input != "" {
		parts = append(parts, "the blocks of "+report.Printable(s.Input))
	} else {
		parts = append(parts, fmt.Sprintf("workload %s with seed %d", s.Workload, s.Seed), report.Plural(s.Accounts, "account"))
	}
	for _, p := range []struct {
		name  string
		value *float64
	}{{"skew", s.Skew}, {"single share", s.SingleShare}, {"read share", s.ReadShare}} {
		if p.value != nil {
			parts = append(parts, fmt.Sprintf("%s %g", p.name, *p.value))
		}
	}
	return fmt.Sprintf("%s, blocks of %s, %s in flight, %s; %s made ahead, outside of the measured time.", strings.Join(parts, ", "),
		report.Count(s.BlockSize), report.Count(s.Pipeline), report.Plural(s.Shards, "shard"), report.Plural(s.DistinctBlock, "block"))
}

func machineSentence(m measure.Machine) string {
	return fmt.Sprintf("%s (%s), %s, %s of memory, kernel %s, data on %s.", report.Plural(m.Cores, "core"),
		report.OrDash(m.Processor), m.System, size(m.Memory), report.OrDash(m.Kernel), report.OrDash(m.FileSystem))
}

func (c Checks) sentence() string {
	text := fmt.Sprintf("Checked: all shards are at height %s", report.Count(c.Height))
	if c.Balances != nil {
		text += fmt.Sprintf("; the balances add up to %s, as before the load", c.Balances)
	}
	if c.SameAsBare {
		text += "; every shard has the state that the bare run came to"
	}
	if c.Proof {
		text += "; every byte is what a sequential run comes to"
	}
	return text + "."
}

func outcomes(counts map[string]uint64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, report.Count(counts[name])+" "+report.Phrase(name))
	}
	return strings.Join(parts, ", ")
}

// ms writes milliseconds with about three digits.
func ms(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f ms", v)
	case v < 100:
		return fmt.Sprintf("%.1f ms", v)
	}
	return fmt.Sprintf("%.0f ms", v)
}

func micros(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f µs", *v)
}

func ratio(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f", *v)
}

func bytesPer(v *float64) string {
	if v == nil {
		return "-"
	}
	return size(int64(*v))
}

// size writes bytes with a unit.
func size(n int64) string {
	const kib = 1 << 10
	switch {
	case n < kib:
		return fmt.Sprintf("%d B", n)
	case n < kib*kib:
		return fmt.Sprintf("%.1f KiB", float64(n)/kib)
	case n < kib*kib*kib:
		return fmt.Sprintf("%.1f MiB", float64(n)/kib/kib)
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/kib/kib/kib)
}
