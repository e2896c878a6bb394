package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/report"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// policy lets the page run its own script and style, and talk to its own host;
// nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"form-action 'none'; frame-ancestors 'none'; base-uri 'none'"

// mostKey is the longest block key there is.
const mostKey = 1024

func (d *Dashboard) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", file("index.html"))
	for _, name := range fileNames() {
		mux.HandleFunc("GET /static/"+name, file(name))
	}
	mux.HandleFunc("GET /api/state", d.state)
	mux.HandleFunc("GET "+eventsPath, d.events)
	mux.HandleFunc("GET /api/history", d.samples)
	mux.HandleFunc("GET /api/blocks", d.listBlocks)
	mux.HandleFunc("GET /api/block", d.block)
	return mux
}

// ServeHTTP implements http.Handler.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	d.mux.ServeHTTP(w, r)
}

func (d *Dashboard) state(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
	defer cancel()
	d.write(w, d.page(ctx, d.seen.Load()))
}

func (d *Dashboard) samples(w http.ResponseWriter, r *http.Request) {
	every := cmp.Or(r.URL.Query().Get("every"), "1")
	if every != "1" && every != strconv.Itoa(coarseEvery) {
		http.Error(w, "every is 1 or 10, in seconds", http.StatusBadRequest)
		return
	}
	seconds, _ := strconv.Atoi(every) // one of the two
	d.write(w, d.history.list(seconds))
}

// listBlocks lists committed blocks, the newest first.
func (d *Dashboard) listBlocks(w http.ResponseWriter, r *http.Request) {
	before, err := strconv.ParseUint(r.URL.Query().Get("before"), 10, 64)
	if err != nil || before == 0 {
		http.Error(w, "before is a height above 0", http.StatusBadRequest)
		return
	}
	d.ask(w, r, func(ctx context.Context, api API) (any, error) {
		list := []report.Block{}
		if before == 1 {
			return list, nil
		}
		from := max(before, mostBlocks+1) - mostBlocks
		answer, err := api.ListBlocks(ctx, &wirepb.ListBlocksRequest{FromHeight: from, Limit: uint32(before - from)})
		for _, b := range slices.Backward(answer.GetBlocks()) {
			list = append(list, report.BlockOf(b))
		}
		return list, err
	})
}

// block gives what is known of one block.
func (d *Dashboard) block(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	key := query.Get("key")
	height, err := strconv.ParseUint(cmp.Or(query.Get("height"), "0"), 10, 64)
	if err != nil || (key == "") == (height == 0) || len(key) > mostKey {
		http.Error(w, "name a block by its key or its height", http.StatusBadRequest)
		return
	}
	d.ask(w, r, func(ctx context.Context, api API) (any, error) { return find(ctx, api, key, height) })
}

// find looks a block up in the history, and among those that are remembered. By its
// height only a committed one can be found.
func find(ctx context.Context, api API, key string, height uint64) (any, error) {
	request := &wirepb.GetBlockRequest{By: &wirepb.GetBlockRequest_Key{Key: key}}
	if key == "" {
		request.By = &wirepb.GetBlockRequest_Height{Height: height}
	}
	answer, err := api.GetBlock(ctx, request)
	if err != nil && (status.Code(err) != codes.NotFound || key == "") {
		return nil, err
	}
	block := answer.GetBlock()
	if block != nil {
		key = block.GetKey()
	}
	remembered, failed := api.ListTimelines(ctx, &wirepb.ListTimelinesRequest{Key: key})
	if failed != nil {
		return nil, failed
	}
	if list := remembered.GetTimelines(); len(list) > 0 {
		return detailOf(list[0], block), nil
	}
	if block == nil {
		return nil, err
	}
	return detailOf(nil, block), nil
}

// ask answers with what comes of asking the coordinator that leads.
func (d *Dashboard) ask(w http.ResponseWriter, r *http.Request, do func(context.Context, API) (any, error)) {
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	api, err := d.source.API()
	var answer any
	if err == nil {
		answer, err = do(ctx, api)
	}
	switch {
	case err == nil:
		d.write(w, answer)
	case status.Code(err) == codes.NotFound:
		http.Error(w, "there is no such block", http.StatusNotFound)
	default:
		http.Error(w, status.Convert(err).Message(), http.StatusServiceUnavailable)
	}
}

func (d *Dashboard) write(w http.ResponseWriter, v any) {
	body, ok := d.encode(v)
	if !ok {
		http.Error(w, "this cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(body)
}
