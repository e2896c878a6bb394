package monitoring

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// scrapeInterval is what lies between two scrapes by the clock of the store. Tests
// scrape far more often by their own.
const scrapeInterval = 15 * time.Second

// store is a Prometheus in memory: it scrapes, and answers queries. It is a
// storage.Queryable.
type store struct {
	engine *promql.Engine
	now    time.Time
	series []*series
}

type series struct {
	labels labels.Labels
	points []chunks.Sample
}

func newStore() *store {
	return &store{now: time.Unix(1_000_000, 0), engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1 << 22, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: promqlParser,
	})}
}

// tick moves the clock to the next scrape.
func (s *store) tick() { s.now = s.now.Add(scrapeInterval) }

// scraped adds what a target gave; ok is false if it could not be reached.
func (s *store) scraped(t *testing.T, job, instance, text string, ok bool) {
	t.Helper()
	target := map[string]string{"job": job, "instance": instance}
	found := map[*series]bool{}
	if ok {
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", instance, err)
		}
		for _, family := range families {
			samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.TimeFromUnixNano(s.now.UnixNano())}, family)
			if err != nil {
				t.Fatalf("%s: %v", instance, err)
			}
			for _, sample := range samples {
				all := map[string]string{}
				for name, of := range sample.Metric {
					all[string(name)] = string(of)
				}
				all["job"], all["instance"] = job, instance
				found[s.add(all, float64(sample.Value))] = true
			}
		}
	}
	target[labels.MetricName] = "up"
	up := 0.0
	if ok {
		up = 1
	}
	found[s.add(target, up)] = true
	s.outdate(job, instance, found)
}

// outdate marks what a target had and has no more, as Prometheus does.
func (s *store) outdate(job, instance string, found map[*series]bool) {
	for _, one := range s.series {
		if one.labels.Get("job") == job && one.labels.Get("instance") == instance && !found[one] {
			one.points = append(one.points, point{s.now.UnixMilli(), math.Float64frombits(value.StaleNaN)})
		}
	}
}

func (s *store) add(all map[string]string, v float64) *series {
	set := labels.FromMap(all)
	at := slices.IndexFunc(s.series, func(one *series) bool { return labels.Equal(one.labels, set) })
	if at < 0 {
		at = len(s.series)
		s.series = append(s.series, &series{labels: set})
	}
	s.series[at].points = append(s.series[at].points, point{s.now.UnixMilli(), v})
	return s.series[at]
}

// query evaluates an expression as of the last scrape.
func (s *store) query(t *testing.T, expr string) promql.Vector {
	t.Helper()
	q, err := s.engine.NewInstantQuery(t.Context(), s, nil, expr, s.now)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	defer q.Close()
	result := q.Exec(t.Context())
	v, err := result.Vector()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return slices.Clone(v)
}

// Querier implements storage.Queryable.
func (s *store) Querier(_, _ int64) (storage.Querier, error) { return querier{s}, nil }

// querier implements storage.Querier.
type querier struct{ *store }

func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	set := &seriesSet{at: -1}
	for _, one := range q.series {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(one.labels.Get(m.Name)) }) {
			set.list = append(set.list, storage.NewListSeries(one.labels, one.points))
		}
	}
	slices.SortFunc(set.list, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return set
}

func (querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (querier) Close() error { return nil }

// seriesSet implements storage.SeriesSet.
type seriesSet struct {
	list []storage.Series
	at   int
}

func (s *seriesSet) Next() bool                      { s.at++; return s.at < len(s.list) }
func (s *seriesSet) At() storage.Series              { return s.list[s.at] }
func (*seriesSet) Err() error                        { return nil }
func (*seriesSet) Warnings() annotations.Annotations { return nil }

// point implements chunks.Sample.
type point struct {
	t int64 // Unix milliseconds
	f float64
}

func (p point) T() int64                    { return p.t }
func (p point) ST() int64                   { return 0 }
func (p point) F() float64                  { return p.f }
func (point) H() *histogram.Histogram       { return nil }
func (point) FH() *histogram.FloatHistogram { return nil }
func (point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample         { return p }
