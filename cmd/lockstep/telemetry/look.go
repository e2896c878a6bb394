package telemetry

import "github.com/prometheus/client_golang/prometheus"

// reading is a metric that is read at every scrape, from one look at a daemon.
type reading[T any] struct {
	name   string // without the namespace
	help   string
	kind   prometheus.ValueType
	labels []string
	read   func(T, emit)
}

// emit gives one sample, with the values of the labels.
type emit func(value float64, labels ...string)

// gauge is a reading without labels.
func gauge[T any](name, help string, value func(T) float64) reading[T] {
	return reading[T]{name: name, help: help, kind: prometheus.GaugeValue, read: func(of T, emit emit) { emit(value(of)) }}
}

// sum is a reading without labels that only grows.
func sum[T any](name, help string, value func(T) float64) reading[T] {
	r := gauge(name, help, value)
	r.kind = prometheus.CounterValue
	return r
}

// gauges is a reading with labels.
func gauges[T any](name, help string, labels []string, read func(T, emit)) reading[T] {
	return reading[T]{name: name, help: help, kind: prometheus.GaugeValue, labels: labels, read: read}
}

// look collects readings. It looks at the daemon once for each scrape.
type look[T any] struct {
	at       func() T
	readings []reading[T]
	descs    []*prometheus.Desc // of the readings
}

func newLook[T any](at func() T, readings ...reading[T]) *look[T] {
	l := &look[T]{at: at, readings: readings}
	for _, r := range readings {
		l.descs = append(l.descs, prometheus.NewDesc(namespace+"_"+r.name, r.help, r.labels, nil))
	}
	return l
}

// Describe implements prometheus.Collector.
func (l *look[T]) Describe(to chan<- *prometheus.Desc) {
	for _, d := range l.descs {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (l *look[T]) Collect(to chan<- prometheus.Metric) {
	now := l.at()
	for i, r := range l.readings {
		r.read(now, func(value float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(l.descs[i], r.kind, value, labels...)
		})
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
