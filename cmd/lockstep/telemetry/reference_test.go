package telemetry

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

var update = flag.Bool("update", false, "write docs/reference/metrics.md anew")

const reference = "../../../docs/reference/metrics.md"

const referenceHead = `# Metrics

What ` + "`/metrics`" + ` of the daemons shows, beside what Go and the operating system say of
every process (` + "`go_…`, `process_…`" + `). Generated from the program; do not edit. To write it
anew: ` + "`go test ./cmd/lockstep/telemetry -update`" + `.

[operating.md](../operating.md#monitoring) says how to scrape, and what to look at.
`

// TestReference sees to it that the page says what the daemons have.
func TestReference(t *testing.T) {
	page := referenceHead +
		"\n## Shard\n\n" + table(t, shardRegistry(t)) +
		"\n## Coordinator\n\n" + table(t, coordinatorRegistry(t))
	if *update {
		if err := os.WriteFile(reference, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	has, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if string(has) != page {
		t.Errorf("%s is not what the program has: run go test ./cmd/lockstep/telemetry -update", reference)
	}
}

// table lists the metrics of a daemon, sorted by name.
func table(t *testing.T, from prometheus.Gatherer) string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | |\n| --- | --- | --- | --- |\n")
	all := ours(t, from)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), labels(f), f.GetHelp())
	}
	return b.String()
}

// labels gives the names of the labels, with their values if those are fixed.
func labels(f *dto.MetricFamily) string {
	values := map[string][]string{}
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			values[l.GetName()] = append(values[l.GetName()], "`"+l.GetValue()+"`")
		}
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		one := "`" + name + "`"
		if len(values[name]) > 1 {
			one += ": " + strings.Join(values[name], ", ")
		}
		list = append(list, one)
	}
	return strings.Join(list, "; ")
}

func TestNamesAreThoseOfPrometheus(t *testing.T) {
	for daemon, from := range map[string]prometheus.Gatherer{"shard": shardRegistry(t), "coordinator": coordinatorRegistry(t)} {
		var names []string
		for name := range ours(t, from) {
			names = append(names, name)
		}
		problems, err := testutil.GatherAndLint(from, names...)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s: %s", daemon, p.Metric, p.Text)
		}
	}
}

// TestOldNamesStay: others have built on these.
func TestOldNamesStay(t *testing.T) {
	both := []string{"height", "epoch", "fsyncs_total", "log_force_seconds"}
	for _, test := range []struct {
		daemon string
		from   prometheus.Gatherer
		names  []string
	}{
		{"shard", shardRegistry(t), append(both, "checkpointed_height", "free_bytes", "obstructed", "prepared_attempts")},
		{"coordinator", coordinatorRegistry(t), append(both, "queued_blocks", "leader", "term", "applied_index", "member_behind_entries")},
	} {
		has := ours(t, test.from)
		for _, name := range test.names {
			if has["lockstep_"+name] == nil {
				t.Errorf("the %s has no lockstep_%s any more", test.daemon, name)
			}
		}
	}
}
