package serve

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"github.com/lockstep-exec/lockstep/protocol/outage"
	"github.com/lockstep-exec/lockstep/protocol/tracing"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

const (
	// spanQueue bounds the spans that wait for the collector; further ones are dropped.
	spanQueue = 8192
	// exportTimeout bounds one call to the collector.
	exportTimeout = 5 * time.Second
	// lastExport bounds the wait for the collector when the process ends.
	lastExport = 300 * time.Millisecond
)

// Tracing sends spans to a collector. A nil *Tracing sends none and costs nothing.
type Tracing struct {
	provider *sdk.TracerProvider
}

// TracingOptions say where spans go, and which.
type TracingOptions struct {
	// Endpoint is HOST:PORT of a collector that speaks OTLP over gRPC without TLS, or a
	// URL. "" takes that of OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or
	// OTEL_EXPORTER_OTLP_ENDPOINT, and without one there is no tracing.
	Endpoint string
	Ratio    float64 // of blocks that are traced, 0 to 1
	// Service is the kind of the process, and Instance which one it is of its kind.
	Service, Instance string
	Log               hclog.Logger
}

// StartTracing begins to trace if there is anybody to send spans to. It does not wait
// for the collector, and nothing else ever does: spans that it does not take in time are
// dropped.
func StartTracing(ctx context.Context, o TracingOptions) (*Tracing, error) {
	if o.Endpoint == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		return nil, nil
	}
	otel.SetLogger(logr.New(quietLog{o.Log}))
	settings := []otlptracegrpc.Option{otlptracegrpc.WithTimeout(exportTimeout), otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{})}
	if o.Endpoint != "" {
		endpoint, err := endpointURL(o.Endpoint)
		if err != nil {
			return nil, err
		}
		settings = append(settings, otlptracegrpc.WithEndpointURL(endpoint))
	}
	exporter, err := otlptracegrpc.New(ctx, settings...)
	if err != nil {
		return nil, fmt.Errorf("start tracing: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Log.Debug("tracing", "error", err) }))
	return &Tracing{sdk.NewTracerProvider(
		sdk.WithIDGenerator(tracing.IDs{}),
		sdk.WithSampler(sdk.TraceIDRatioBased(o.Ratio)),
		sdk.WithBatcher(&quietExporter{exporter, outage.New(o.Log, time.Now)},
			sdk.WithMaxQueueSize(spanQueue), sdk.WithBatchTimeout(time.Second), sdk.WithExportTimeout(exportTimeout)),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.namespace", "lockstep"),
			attribute.String("service.name", "lockstep-"+o.Service), attribute.String("service.instance.id", o.Instance))),
	)}, nil
}

// CheckEndpoint refuses what can be no collector.
func CheckEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	_, err := endpointURL(endpoint)
	return err
}

// errSecretEndpoint does not repeat what was given.
var errSecretEndpoint = errors.New("--otlp must not hold a user, password or token, which lists of processes and debug bundles would show: " +
	"leave out what stands before the @, and give what the collector asks for in OTEL_EXPORTER_OTLP_HEADERS")

func endpointURL(given string) (string, error) {
	if strings.Contains(given, "@") {
		return "", errSecretEndpoint
	}
	endpoint := given
	if !strings.Contains(endpoint, "://") {
		endpoint = "http://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Port() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("--otlp must be HOST:PORT or a URL with http or https and a port, such as 127.0.0.1:4317, not %q", given)
	}
	return endpoint, nil
}

// Tracer is nil if nothing is traced.
func (t *Tracing) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer("github.com/lockstep-exec/lockstep")
}

// Server traces the calls of clients; nil if nothing is traced.
func (t *Tracing) Server() stats.Handler {
	if t == nil {
		return nil
	}
	return otelgrpc.NewServerHandler(t.options()...)
}

// Client has a connection trace the calls that are made over it; nil if nothing is
// traced.
func (t *Tracing) Client() []grpc.DialOption {
	if t == nil {
		return nil
	}
	return []grpc.DialOption{grpc.WithStatsHandler(otelgrpc.NewClientHandler(t.options()...))}
}

func (t *Tracing) options() []otelgrpc.Option {
	return []otelgrpc.Option{
		otelgrpc.WithTracerProvider(t.provider),
		otelgrpc.WithPropagators(propagation.TraceContext{}),
		otelgrpc.WithFilter(func(call *stats.RPCTagInfo) bool { return traced(call.FullMethodName) }),
	}
}

// traced reports whether calls of a method have spans. Sessions, exchange, replication
// and health have none, nor has what the coordinator and the dashboard ask: those calls
// last as long as the process, or come once a second or more often.
func traced(method string) bool {
	switch method {
	case wirepb.CoordinatorService_Watch_FullMethodName, wirepb.CoordinatorService_Status_FullMethodName,
		wirepb.CoordinatorService_ListTimelines_FullMethodName, wirepb.ShardService_Status_FullMethodName:
		return false
	}
	return strings.HasPrefix(method, "/"+wirepb.CoordinatorService_ServiceDesc.ServiceName+"/") ||
		strings.HasPrefix(method, "/"+wirepb.ShardService_ServiceDesc.ServiceName+"/")
}

// Close sends what is left, if the collector takes it at once.
func (t *Tracing) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastExport)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what is left then is dropped
}

// quietExporter drops what the collector does not take, and says so now and then.
type quietExporter struct {
	sdk.SpanExporter
	trouble *outage.Log
}

// ExportSpans implements sdk.SpanExporter.
func (e *quietExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.trouble.Warn("the collector takes no spans, they are dropped: see that it runs where --otlp says", "spans", len(spans), "error", err)
		return nil
	}
	e.trouble.Over("the collector takes spans again")
	return nil
}

// quietLog is where OpenTelemetry tells of its own troubles, such as a variable of the
// environment that it cannot read. It is told on without the values, which may be
// secrets: OTEL_EXPORTER_OTLP_HEADERS is for those. It implements logr.LogSink.
type quietLog struct{ log hclog.Logger }

func (quietLog) Init(logr.RuntimeInfo)            {}
func (quietLog) Enabled(int) bool                 { return false } // of what is no trouble
func (quietLog) Info(int, string, ...any)         {}
func (l quietLog) WithValues(...any) logr.LogSink { return l }
func (l quietLog) WithName(string) logr.LogSink   { return l }
func (l quietLog) Error(_ error, what string, _ ...any) {
	l.log.Warn("OpenTelemetry has trouble: see that its variables OTEL_… are as it wants them", "error", what)
}
