package serve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
)

// gone is somebody who has asked and does not wait for the answer.
type gone struct{ *httptest.ResponseRecorder }

func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// Everybody may ask for the metrics and go away, as often as they like.
func TestScrapersThatGoAwayDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	metrics := prometheus.NewRegistry()
	for i := range 50 {
		metrics.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: fmt.Sprintf("metric_%d", i)}))
	}
	e := Endpoints{Metrics: metrics, Log: hclog.New(&hclog.LoggerOptions{Output: &log})}
	pages := e.handler()
	for range 20 {
		pages.ServeHTTP(gone{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
	if log.Len() > 0 {
		t.Errorf("20 scrapers that went away are told of:\n%.1000s", log.String())
	}
}

// Metrics that cannot be had are told of once, and the others are shown.
func TestMetricsThatFail(t *testing.T) {
	var log bytes.Buffer
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "good"}), broken{prometheus.NewDesc("broken", "Broken.", nil, nil)})
	e := Endpoints{Metrics: metrics, Log: hclog.New(&hclog.LoggerOptions{Output: &log})}
	pages := e.handler()
	for range 20 {
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "good 0\n") {
			t.Fatalf("answers %d %s", w.Code, w.Body)
		}
	}
	if lines := bytes.Count(log.Bytes(), []byte("\n")); lines != 1 || !strings.Contains(log.String(), "cannot show all metrics") {
		t.Errorf("20 failures caused %d lines, want 1:\n%.1000s", lines, log.String())
	}
}

// broken is a metric that cannot be had.
type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(to chan<- *prometheus.Desc) { to <- b.desc }
func (b broken) Collect(to chan<- prometheus.Metric) {
	to <- prometheus.NewInvalidMetric(b.desc, errors.New("it cannot be had"))
}
