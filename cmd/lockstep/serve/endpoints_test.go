package serve

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
	if lines := bytes.Count(log.Bytes(), []byte("\n")); lines != 1 {
		t.Errorf("20 scrapers that went away caused %d lines, want 1:\n%.1000s", lines, log.String())
	}
}
