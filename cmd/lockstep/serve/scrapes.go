package serve

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/semaphore"

	"github.com/lockstep-exec/lockstep/protocol/outage"
)

const (
	// mostGathers bounds the scrapes that are gathered at one time.
	mostGathers = 4
	// turnTimeout is how long a scrape waits for its turn.
	turnTimeout = 5 * time.Second
)

// scrapes shows metrics. An answer is gathered and encoded as a whole, in turns, before
// anything of it is written: who reads it slowly, or not at all, keeps nobody else from
// theirs. It is safe for concurrent use.
type scrapes struct {
	metrics http.Handler
	turns   *semaphore.Weighted
}

func newScrapes(metrics prometheus.Gatherer, log hclog.Logger) *scrapes {
	return &scrapes{turns: semaphore.NewWeighted(mostGathers), metrics: promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		ErrorLog:      scrapeLog{outage.New(log, time.Now)},
		ErrorHandling: promhttp.ContinueOnError,
	})}
}

// ServeHTTP implements http.Handler.
func (s *scrapes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, err := s.gather(r)
	if err != nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "others are being shown the metrics, and that takes long: try again later", http.StatusServiceUnavailable)
		return
	}
	a.sendTo(w)
}

// gather makes the answer; an error if it is not its turn in time.
func (s *scrapes) gather(r *http.Request) (*answer, error) {
	ctx, cancel := context.WithTimeout(r.Context(), turnTimeout)
	defer cancel()
	if err := s.turns.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer s.turns.Release(1)
	a := &answer{header: http.Header{}, code: http.StatusOK}
	s.metrics.ServeHTTP(a, r)
	return a, nil
}

// answer is one that waits to be sent. It implements http.ResponseWriter.
type answer struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(code int)        { a.code = code }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (a *answer) sendTo(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	w.WriteHeader(a.code)
	w.Write(a.body.Bytes())
}

// scrapeLog implements promhttp.Logger, which is told of every family of metrics that
// could not be gathered or encoded.
type scrapeLog struct{ trouble *outage.Log }

func (l scrapeLog) Println(v ...any) {
	l.trouble.Warn("cannot show all metrics: report this bug", "error", strings.TrimSpace(fmt.Sprintln(v...)))
}
