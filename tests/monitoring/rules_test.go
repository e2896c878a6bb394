package monitoring

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"go.yaml.in/yaml/v3"
)

// ruleTests is as much of promtool's format as alerts_test.yml uses. promtool itself
// runs the file too, but takes minutes to build.
type ruleTests struct {
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	RuleFiles          []string       `yaml:"rule_files"`
	Tests              []ruleTest
}

type ruleTest struct {
	Name        string
	Interval    model.Duration
	InputSeries []struct{ Series, Values string } `yaml:"input_series"`
	Looks       []struct {
		Expr    string
		At      model.Duration `yaml:"eval_time"`
		Samples []struct {
			Labels string
			Value  float64
		} `yaml:"exp_samples"`
	} `yaml:"promql_expr_test"`
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	var all ruleTests
	decoder := yaml.NewDecoder(strings.NewReader(read(t, packaging+"prometheus/alerts_test.yml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&all); err != nil {
		t.Fatal(err)
	}
	if time.Duration(all.EvaluationInterval) != scrapeInterval || !slices.Equal(all.RuleFiles, []string{"alerts.yml"}) {
		t.Fatalf("tests of %v every %v, want alerts.yml every %v", all.RuleFiles, all.EvaluationInterval, scrapeInterval)
	}
	rules := alerts(t)
	for _, test := range all.Tests {
		t.Run(test.Name, func(t *testing.T) {
			for _, look := range test.Looks {
				got := test.play(t, rules, time.Duration(look.At)).query(t, look.Expr)
				var found, want []string
				for _, sample := range got {
					found = append(found, sample.Metric.String())
				}
				for _, sample := range look.Samples {
					set, err := promqlParser.ParseMetric(sample.Labels)
					if err != nil || sample.Value != 1 {
						t.Fatalf("%s %v: %v", sample.Labels, sample.Value, err)
					}
					want = append(want, set.String())
				}
				slices.Sort(found)
				slices.Sort(want)
				if !slices.Equal(found, want) {
					t.Errorf("after %v: %v, want %v", look.At, found, want)
				}
			}
		})
	}
}

// play feeds the series up to a time, and evaluates the alerts as it goes.
func (r ruleTest) play(t *testing.T, rules map[string]rulefmt.Rule, until time.Duration) *store {
	t.Helper()
	s := newStore()
	began, since := s.now, map[string]map[string]time.Time{}
	for i := 0; s.now.Sub(began) <= until; i++ {
		r.feed(t, s, i)
		for _, name := range slices.Sorted(maps.Keys(rules)) {
			since[name] = fire(t, s, rules[name], since[name])
		}
		s.tick()
	}
	s.now = s.now.Add(-scrapeInterval)
	return s
}

// feed adds the i-th value of every series.
func (r ruleTest) feed(t *testing.T, s *store, i int) {
	t.Helper()
	if time.Duration(r.Interval) != scrapeInterval {
		t.Fatalf("interval %v, want %v", r.Interval, scrapeInterval)
	}
	for _, in := range r.InputSeries {
		set, values, err := promqlParser.ParseSeriesDesc(in.Series + " " + in.Values)
		if err != nil {
			t.Fatalf("%s %s: %v", in.Series, in.Values, err)
		}
		if i < len(values) && !values[i].Omitted {
			s.add(set.Map(), values[i].Value)
		}
	}
}

// fire evaluates one alert, and adds the samples of ALERTS that Prometheus would.
// since says from when on the expression has held, by labels.
func fire(t *testing.T, s *store, rule rulefmt.Rule, since map[string]time.Time) map[string]time.Time {
	t.Helper()
	still := map[string]time.Time{}
	for _, sample := range s.query(t, rule.Expr) {
		key := sample.Metric.String()
		at, known := since[key]
		if !known {
			at = s.now
		}
		still[key] = at
		if s.now.Sub(at) < time.Duration(rule.For) {
			continue
		}
		all := sample.Metric.Map()
		all[labels.MetricName], all["alertname"], all["alertstate"] = "ALERTS", rule.Alert, "firing"
		s.add(all, 1)
	}
	return still
}
