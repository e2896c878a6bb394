package monitoring

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	packaging = "../../packaging/"
	reference = "../../docs/reference/metrics.md"
	runbook   = "../../docs/failures.md"
)

var promqlParser = parser.NewParser(parser.Options{})

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// known gives the metrics that the daemons have, by the page that is generated
// from them. Those of a histogram come with the names of their parts.
func known(t *testing.T) map[string]bool {
	t.Helper()
	// What every target has: Prometheus adds the first, Go and the system the rest.
	names := map[string]bool{
		"up": true, "process_resident_memory_bytes": true, "process_cpu_seconds_total": true,
		"process_start_time_seconds": true, "go_goroutines": true,
	}
	row := regexp.MustCompile("(?m)^\\| `(lockstep_[a-z_]+)` \\| ([a-z]+) \\|")
	for _, m := range row.FindAllStringSubmatch(read(t, reference), -1) {
		if m[2] != "histogram" {
			names[m[1]] = true
			continue
		}
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			names[m[1]+part] = true
		}
	}
	if len(names) < 20 {
		t.Fatalf("%s lists only %d metrics", reference, len(names))
	}
	return names
}

// strange lists the metrics of an expression that do not exist. An expression
// that cannot be parsed is an error.
func strange(known map[string]bool, expr string) (unknown []string, err error) {
	tree, err := promqlParser.ParseExpr(expr)
	if err != nil {
		return nil, err
	}
	parser.Inspect(tree, func(n parser.Node, _ []parser.Node) error {
		selector, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		at := slices.IndexFunc(selector.LabelMatchers, func(m *labels.Matcher) bool { return m.Name == labels.MetricName })
		if at < 0 || !known[selector.LabelMatchers[at].Value] {
			unknown = append(unknown, selector.String())
		}
		return nil
	})
	return unknown, nil
}

func TestStrangeMetricsAreFound(t *testing.T) {
	exists := map[string]bool{"a_total": true}
	for expr, want := range map[string]int{
		"rate(a_total[5m]) > 1":        0,
		"rate(a[5m]) > a_total":        1,
		`{job="x"} and on (job) b`:     2,
		`sum by (le) (a_total{x="y"})`: 0,
	} {
		unknown, err := strange(exists, expr)
		if err != nil || len(unknown) != want {
			t.Errorf("%s: found %v (error %v), want %d", expr, unknown, err, want)
		}
	}
	if _, err := strange(exists, "rate(a_total[5m]"); err == nil {
		t.Error("an expression without its end is taken for one")
	}
}

// anchors are those of the headings of the runbook, as a forge makes them.
func anchors(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for line := range strings.Lines(read(t, runbook)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			found[anchor(strings.TrimSpace(heading))] = true
		}
	}
	return found
}

func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r == ' ':
			return '-'
		}
		return -1
	}, strings.ToLower(heading))
}

func TestAnchors(t *testing.T) {
	for heading, want := range map[string]string{
		"A shard is away": "a-shard-is-away",
		`"this shard refuses to prepare: … MiB are free"`: "this-shard-refuses-to-prepare--mib-are-free",
		"A coordinator is `refused`":                      "a-coordinator-is-refused",
	} {
		if got := anchor(heading); got != want {
			t.Errorf("%q is %q, want %q", heading, got, want)
		}
	}
}
