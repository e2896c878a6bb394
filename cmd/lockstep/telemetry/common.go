package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

const namespace = "lockstep"

// common is what both daemons have.
type common struct {
	build  *prometheus.GaugeVec
	forces prometheus.Histogram
	notes  *prometheus.CounterVec

	security Security
}

func newCommon(b cli.Build) common {
	c := common{
		build: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say what the daemon was built from.",
		}, []string{"version", "commit", "go"}),
		forces: histogram("log_force_seconds", "How long forcing the log to disk took.", prometheus.ExponentialBuckets(100e-6, 2, 16)), // 0.1 ms to 3.3 s
		notes:  counters("notes_total", "What the state machine found worth noting, by kind.", "kind", noteKinds()...),
	}
	b = b.Complete()
	c.build.WithLabelValues(b.Version, b.Commit, b.Go).Set(1)
	return c
}

func (c common) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		c.build, c.forces, c.notes, c.securityCollector(),
	}
}

// LogForced notes how long a force of the log took.
func (c common) LogForced(took time.Duration) { c.forces.Observe(took.Seconds()) }

// registry holds the collectors. Two with one name are a mistake in this package.
func registry(all ...prometheus.Collector) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(all...)
	return r
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
}

// spans are buckets for what may take from a fraction of a millisecond to half a
// minute.
func spans() []float64 { return prometheus.ExponentialBuckets(250e-6, 2, 18) }

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

// counters has one label, and begins with 0 for each of its values: a rate then
// shows the first one too.
func counters(name, help, label string, values ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, []string{label})
	for _, value := range values {
		v.WithLabelValues(value)
	}
	return v
}

// phases is a histogram for each phase.
func phases(name, help string, all ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: spans()}, []string{"phase"})
	for _, phase := range all {
		v.WithLabelValues(phase)
	}
	return v
}
