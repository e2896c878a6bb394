package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
	"github.com/lockstep-exec/lockstep/protocol/rpc/identity"
)

// Time limits. A probe or a scrape takes milliseconds; a client that is slower
// than this only ties up memory.
const (
	readTimeout  = 10 * time.Second
	writeTimeout = 30 * time.Second
	idleTimeout  = 2 * time.Minute
	stopTimeout  = 3 * time.Second // of the 5 s that a daemon has to end in
	headerBytes  = 16 << 10
	// mostStreams bounds the requests at one time of a connection that speaks HTTP/2.
	mostStreams = 32
)

// Endpoints is what a daemon answers over HTTP. The functions are called from
// many goroutines at once, and must not block.
type Endpoints struct {
	// Ready gives nil when the daemon can do its work, else the reason as a
	// sentence. Required.
	Ready func() error
	// ReadyAs says what /readyz says when the daemon is ready; nil for "ready".
	ReadyAs func() string
	// Live gives an error only when nothing but a restart can help. A nil
	// function means that an answer is proof enough.
	Live func() error
	// Metrics is what /metrics shows. Required.
	Metrics prometheus.Gatherer
	// Status gives what /status encodes as JSON; nil for no such endpoint.
	Status func(context.Context) (any, error)
	// Other serves every other path; nil for none.
	Other http.Handler
	// Feeds tells which paths of Other are answered for as long as somebody watches; nil
	// for none.
	Feeds func(path string) bool
	// Identity proves who the daemon is, and who may look; nil for plaintext.
	Identity *identity.Identity
	// OpenProbes lets everybody look at /livez and /readyz.
	OpenProbes bool
	// Refusals counts who goes beyond a limit; nil counts nothing.
	Refusals *guard.Refusals
	// Log gets the faults of connections and scrapes. Required.
	Log hclog.Logger
}

// HTTP is a server that listens. Run it, else it holds the port for ever.
type HTTP struct {
	listener net.Listener
	server   *http.Server
	identity *identity.Identity // nil for plaintext
}

// ListenHTTP opens the address, so that a port in use is known before the
// daemon does anything else. It serves once it is Run.
func ListenHTTP(address string, e Endpoints) (*HTTP, error) {
	listener, err := Listen("http", address)
	if err != nil {
		return nil, err
	}
	g := guard.New(guard.ForHTTP(), e.Refusals)
	pages := e.Identity.Pages(g.PagesUnderWay(e.handler(), e.classOf, identity.NameOfAsker), e.OpenProbes)
	if e.Identity == nil {
		pages = ofThisMachine(pages, e.Refusals)
	}
	return &HTTP{listener: g.Listener(listener), identity: e.Identity, server: &http.Server{
		Handler:           g.Pages(pages, isProbe),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: mostStreams},
		ConnState:         noticed,
		ConnContext:       identity.ConnContext,
		ErrorLog:          e.Log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}}, nil
}

func isProbe(path string) bool { return path == "/livez" || path == "/readyz" }

// noticed tells the guard of the port which connections have begun to ask.
func noticed(c net.Conn, now http.ConnState) {
	if now == http.StateActive {
		guard.Opened(c)
	}
}

// Addr is where it listens. A nil HTTP, that of a daemon without --http, has
// none.
func (h *HTTP) Addr() net.Addr {
	if h == nil {
		return nil
	}
	return h.listener.Addr()
}

// Close gives up a server that was never Run.
func (h *HTTP) Close() error { return h.listener.Close() }

// Run serves until ctx ends, then finishes the requests under way within three
// seconds and cuts off the rest. It returns nil unless serving itself failed.
func (h *HTTP) Run(ctx context.Context) error {
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		h.shutdown()
	})
	err := h.server.Serve(h.identity.HTTPListener(h.listener, readTimeout))
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (h *HTTP) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if h.server.Shutdown(ctx) != nil {
		h.server.Close() //nolint:errcheck // what answers still run are cut off; Run gives the error of serving
	}
}
