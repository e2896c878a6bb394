package bench

import (
	"bufio"
	"fmt"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
)

func writeMemory(w *bufio.Writer, r Report) {
	fmt.Fprintln(w)
	t := report.NewTable("resident memory", ">second fifth", ">last fifth", ">growth", ">most")
	for _, p := range r.Processes {
		t.Row(p.Name, size(p.Early), size(p.Late), growth(p.Early, p.Late), size(p.Peak))
	}
	t.WriteTo(w)
	fmt.Fprintln(w, "means over a fifth of the measured time; most: since the start")
}

func writeAway(w *bufio.Writer, a Away) {
	fmt.Fprintf(w, "\n%s\n\n", a.sentence())
	t := report.NewTable("memory without "+a.Shard, ">at first", ">at last", ">growth", ">most")
	for _, s := range a.Survivors {
		t.Row(s.Name, size(s.First), size(s.Last), s.Growth(), size(s.Peak))
	}
	t.WriteTo(w)
	fmt.Fprintf(w, "means over the first and the last %.3gs\n", a.Window)
}

// Growth is that from the first mean to the last.
func (s Survivor) Growth() string { return growth(s.First, s.Last) }

// Growth is that from the second fifth to the last.
func (p Process) Growth() string { return growth(p.Early, p.Late) }

// growth writes a change in percent; a dash if there was nothing.
func growth(from, to int64) string {
	if from == 0 {
		return "-"
	}
	return fmt.Sprintf("%+.0f%%", 100*(float64(to)/float64(from)-1))
}

func (r Restart) sentence() string {
	return fmt.Sprintf("Restart: the coordinator and %s were killed under load, up to %s ahead of their databases, and ready again after %.2fs. Reading their logs of %s and databases of %s once took %.3fs (%.3fs the first time): %.1f times as long.",
		report.Plural(uint64(r.Shards), "shard"), report.Plural(r.Heights, "block"), r.Ready, size(r.Log), size(r.Database), r.Read, r.FirstRead, r.Ratio)
}

func (a Away) sentence() string {
	return fmt.Sprintf("Absence: %s was away for %.4gs while blocks were submitted, %s again after their deadline. A block was committed %.2fs after its start, %s until the end.",
		a.Shard, a.Seconds, report.Plural(a.Repeated, "time"), a.Resumed, report.Plural(a.Blocks, "block"))
}
