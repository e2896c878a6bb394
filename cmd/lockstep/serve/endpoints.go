package serve

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
)

func (e Endpoints) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", probe(e.Live, func() string { return "live" }))
	mux.HandleFunc("GET /readyz", probe(e.Ready, e.ReadyText))
	mux.Handle("GET /metrics", newScrapes(e.Metrics, e.Log))
	if e.Status != nil {
		mux.HandleFunc("GET /status", e.status)
	}
	if e.Other != nil {
		mux.Handle("/", e.Other)
	}
	return mux
}

// classOf tells what a page takes of those that one peer may have under way; "" for
// probes, which take nothing.
func (e Endpoints) classOf(path string) guard.Class {
	switch {
	case isProbe(path):
		return ""
	case path == "/metrics":
		return guard.Scrape
	case e.Feeds != nil && e.Feeds(path):
		return guard.Feed
	}
	return guard.Page
}

// ReadyText is what /readyz says of a daemon that is ready.
func (e Endpoints) ReadyText() string {
	if e.ReadyAs != nil {
		return e.ReadyAs()
	}
	return "ready"
}

// probe answers 200 and the text if check finds nothing, else 503 and why.
func probe(check func() error, text func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		plain(w)
		if check != nil {
			if err := check(); err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				fmt.Fprintln(w, err)
				return
			}
		}
		fmt.Fprintln(w, text())
	}
}

func (e Endpoints) status(w http.ResponseWriter, r *http.Request) {
	status, err := e.Status(r.Context())
	if err != nil {
		plain(w)
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, err)
		return
	}
	body, err := json.Marshal(status)
	if err != nil {
		e.Log.Error("cannot encode the status", "error", err)
		http.Error(w, "the status cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(append(body, '\n'))
}

func plain(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}
