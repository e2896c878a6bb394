package dashboard

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/protocol/outage"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// lookTimeout bounds one look, and askTimeout one question of the page.
const (
	lookTimeout = 900 * time.Millisecond
	askTimeout  = 5 * time.Second
)

// Dashboard serves the page and what it shows. It is an http.Handler, safe for
// concurrent use. Run it, else it shows nothing.
type Dashboard struct {
	source  Source
	version string
	log     hclog.Logger
	trouble *outage.Log // what cannot be encoded
	mux     *http.ServeMux
	hub     *hub
	history history
	seen    atomic.Pointer[seen] // nil before the first look
	now     func() time.Time
}

// seen is what the last look found.
type seen struct {
	view   View
	sample sample
}

// New makes a dashboard of a program of some version.
func New(source Source, version string, log hclog.Logger) *Dashboard {
	d := &Dashboard{source: source, version: version, log: log, trouble: outage.New(log, time.Now), hub: newHub(), now: time.Now}
	d.mux = d.routes()
	return d
}

// Run looks once a second until ctx ends, and then lets go of everybody who
// watches.
func (d *Dashboard) Run(ctx context.Context) {
	defer d.hub.close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		d.look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look looks once, and tells those who watch.
func (d *Dashboard) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	view := d.source.Look(ctx)
	found := &seen{view: view, sample: d.history.add(mark{at: d.now(), cluster: view.Cluster})}
	d.seen.Store(found)
	if !d.hub.watched() {
		return
	}
	if body, ok := d.encode(d.page(ctx, found)); ok {
		d.hub.tell(body)
	}
}

// page is what to show of a look. Without timelines it is still worth showing.
func (d *Dashboard) page(ctx context.Context, found *seen) page {
	if found == nil {
		found = &seen{view: View{Failure: "the coordinator has just been started"}, sample: between(mark{}, mark{at: d.now()})}
	}
	p := pageOf(found.view, found.sample, d.timelines(ctx, found.view))
	p.Version = d.version
	return p
}

func (d *Dashboard) timelines(ctx context.Context, v View) []*wirepb.Timeline {
	if v.Cluster == nil {
		return nil
	}
	api, err := d.source.API()
	if err != nil {
		return nil
	}
	answer, err := api.ListTimelines(ctx, &wirepb.ListTimelinesRequest{})
	if err != nil {
		d.log.Debug("the dashboard has no timelines", "error", err)
	}
	return answer.GetTimelines()
}

func (d *Dashboard) encode(v any) ([]byte, bool) {
	body, err := json.Marshal(v)
	if err != nil {
		d.trouble.Error("the dashboard cannot encode what it shows: report this bug", "error", err)
		return nil, false
	}
	d.trouble.Over("the dashboard shows all again")
	return body, true
}
