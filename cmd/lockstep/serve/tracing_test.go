package serve

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/tracing"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

func TestNothingIsTracedUnlessSomebodyTakesIt(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	tr, err := StartTracing(context.Background(), TracingOptions{Ratio: 1, Log: hclog.NewNullLogger()})
	if err != nil || tr != nil || tr.Tracer() != nil || tr.Server() != nil || tr.Client() != nil {
		t.Errorf("got %v, error %v", tr, err)
	}
	tr.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	tr, err = StartTracing(context.Background(), TracingOptions{Ratio: 1, Log: hclog.NewNullLogger()})
	if err != nil || tr.Tracer() == nil || tr.Server() == nil {
		t.Errorf("got %v, error %v", tr, err)
	}
	tr.Close()
}

// What is asked all the time would bury what clients ask.
func TestPollsHaveNoSpans(t *testing.T) {
	for method, want := range map[string]bool{
		wirepb.CoordinatorService_SubmitBlocks_FullMethodName:  true,
		wirepb.CoordinatorService_Get_FullMethodName:           true,
		wirepb.ShardService_Get_FullMethodName:                 true,
		wirepb.CoordinatorService_Status_FullMethodName:        false,
		wirepb.CoordinatorService_ListTimelines_FullMethodName: false,
		wirepb.CoordinatorService_Watch_FullMethodName:         false,
		wirepb.ShardService_Status_FullMethodName:              false,
		wirepb.SessionService_Open_FullMethodName:              false,
		wirepb.ExchangeService_Push_FullMethodName:             false,
		wirepb.ReplicationService_Heartbeat_FullMethodName:     false,
		"/grpc.health.v1.Health/Check":                         false,
	} {
		if got := traced(method); got != want {
			t.Errorf("%s: traced %v, want %v", method, got, want)
		}
	}
}

func TestEndpoints(t *testing.T) {
	for _, good := range []string{"", "127.0.0.1:4317", "collector:4317", "http://127.0.0.1:4317", "https://collector:4317"} {
		if err := CheckEndpoint(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"collector", "ftp://collector:4317", "http://", ":4317:1", "a b:1"} {
		if CheckEndpoint(bad) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// What would be a secret in a list of processes is refused, and not repeated.
func TestEndpointsHoldNoSecrets(t *testing.T) {
	for _, given := range []string{"https://user:hunter2@collector:4317", "https://hunter2@collector:4317", "user:hunter2@collector:4317", "https://user:hunter2@collector", "https://user:%zzhunter2@collector:1"} {
		err := CheckEndpoint(given)
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_HEADERS") {
			t.Errorf("%s: %v", given, err)
		}
	}
}

// A variable that cannot be read is told of without what it holds.
func TestVariablesAreNotRepeated(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization: Bearer hunter2")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@127.0.0.1:x")
	var log written
	tr, err := StartTracing(t.Context(), TracingOptions{Endpoint: "127.0.0.1:1", Ratio: 1, Log: hclog.New(&hclog.LoggerOptions{Output: &log})})
	if err != nil {
		t.Fatal(err)
	}
	tr.Close()
	if text := log.String(); strings.Contains(text, "hunter2") || strings.Count(text, "parse headers") != 1 || strings.Count(text, "parse url") != 1 {
		t.Errorf("told was:\n%s", text)
	}
}

// What a collector asks for comes from the environment.
func TestHeadersForTheCollector(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan []string, 1)
	collector := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		md, _ := metadata.FromIncomingContext(s.Context())
		got <- md.Get("authorization")
		return nil
	}))
	served := make(chan error, 1)
	go func() { served <- collector.Serve(l) }()
	tr, err := StartTracing(t.Context(), TracingOptions{Endpoint: l.Addr().String(), Ratio: 1, Log: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tr.Tracer().Start(t.Context(), "block")
	span.End()
	select {
	case header := <-got:
		if len(header) != 1 || header[0] != "Bearer hunter2" {
			t.Errorf("the collector gets %q", header)
		}
	case <-time.After(20 * time.Second):
		t.Error("no span comes")
	}
	tr.Close()
	collector.Stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// written is a log that can be read while others write.
type written struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// A collector that takes connections and says nothing holds nobody up, and neither
// does one that is not there: not the spans, and not the end of the process.
func TestACollectorThatDoesNotAnswer(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for name, endpoint := range map[string]string{"mute": mute.Addr().String(), "gone": gone.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			log := &written{}
			tr, err := StartTracing(context.Background(), TracingOptions{Endpoint: endpoint, Ratio: 1, Service: "test", Log: hclog.New(&hclog.LoggerOptions{Output: log})})
			if err != nil {
				t.Fatal(err)
			}
			tracer, began := tr.Tracer(), time.Now()
			for i := range 4 * spanQueue {
				tracing.Start(tracer, "block", trace.SpanContext{}, tracing.Block(protocol.Digest{byte(i), byte(i >> 8)})).End()
			}
			tr.Close()
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%d spans and the end took %v", 4*spanQueue, took)
			}
			if n := strings.Count(log.String(), "\n"); n > 4 {
				t.Errorf("%d lines in the log:\n%s", n, log.String())
			}
		})
	}
}

// All processes with one ratio pick the same blocks.
func TestTheRatioPicksBlocks(t *testing.T) {
	start := func() *Tracing {
		tr, err := StartTracing(context.Background(), TracingOptions{Endpoint: "127.0.0.1:1", Ratio: 0.25, Log: hclog.NewNullLogger()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(tr.Close)
		return tr
	}
	a, b := start().Tracer(), start().Tracer()
	picked := 0
	for i := range 1000 {
		block := protocol.Digest{byte(i), byte(i >> 8)}
		attempt := protocol.AttemptID{Height: 1, Epoch: 1, Attempt: uint32(i)}
		coordinator := tracing.Start(a, "attempt", trace.SpanContext{}, tracing.Attempt(block, attempt))
		shard := tracing.Start(b, "prepare", tracing.Attempt(block, attempt), trace.SpanContext{})
		if coordinator.IsRecording() != shard.IsRecording() {
			t.Fatalf("block %d is picked by one of two", i)
		}
		if coordinator.IsRecording() {
			picked++
		}
	}
	if picked < 150 || picked > 350 {
		t.Errorf("%d of 1000 blocks were picked", picked)
	}
}
