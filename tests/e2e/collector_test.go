package e2e

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// span is a span that came to the collector.
type span struct {
	by, name, id, parent, attempt, failed string
}

// collector takes traces of processes, as a collector of OpenTelemetry does.
type collector struct {
	collectorpb.UnimplementedTraceServiceServer
	t      *testing.T
	mu     sync.Mutex
	traces map[string][]span
	keys   map[string]string // by block key: its trace
}

// collect has every process that is started from now on send its traces here.
func collect(t *testing.T) *collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{t: t, traces: map[string][]span{}, keys: map[string]string{}}
	server := grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(server, c)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	t.Setenv("LOCKSTEP_OTLP", l.Addr().String())
	return c
}

// Export implements collectorpb.TraceServiceServer.
func (c *collector) Export(_ context.Context, in *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, from := range in.ResourceSpans {
		by := strings.TrimPrefix(attributeOf(from.Resource.Attributes, "service.name"), "lockstep-") + " " +
			attributeOf(from.Resource.Attributes, "service.instance.id")
		for _, scope := range from.ScopeSpans {
			for _, s := range scope.Spans {
				c.take(by, s)
			}
		}
	}
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

func (c *collector) take(by string, s *tracepb.Span) {
	trace := hex.EncodeToString(s.TraceId)
	c.traces[trace] = append(c.traces[trace], span{
		by: by, name: s.Name, id: hex.EncodeToString(s.SpanId), parent: hex.EncodeToString(s.ParentSpanId),
		attempt: attributeOf(s.Attributes, "lockstep.attempt"), failed: s.GetStatus().GetMessage(),
	})
	key := attributeOf(s.Attributes, "lockstep.block.key")
	if key == "" {
		return
	}
	if before := c.keys[key]; before != "" && before != trace {
		c.t.Errorf("block %q has the traces %s and %s", key, before, trace)
	}
	c.keys[key] = trace
}

func attributeOf(list []*commonpb.KeyValue, key string) string {
	for _, a := range list {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// keyOf waits for an attempt whose name begins so, and gives the key of its block.
func (c *collector) keyOf(attempt string) (found string) {
	c.t.Helper()
	cluster.Await(c.t, "a span of attempt "+attempt, time.Minute, func() string {
		c.mu.Lock()
		defer c.mu.Unlock()
		for key, trace := range c.keys {
			if slices.ContainsFunc(c.traces[trace], func(s span) bool { return strings.HasPrefix(s.attempt, attempt) }) {
				found = key
				return ""
			}
		}
		return fmt.Sprintf("there are traces of %d blocks", len(c.keys))
	})
	return found
}

// story is the trace of a block.
type story []span

// await gives the trace of a block when it has what it lacks nothing of.
func (c *collector) await(key string, lacks func(story) string) (all story) {
	c.t.Helper()
	cluster.Await(c.t, fmt.Sprintf("the trace of block %q", key), time.Minute, func() string {
		c.mu.Lock()
		defer c.mu.Unlock()
		all = slices.Clone(c.traces[c.keys[key]])
		if lacking := lacks(all); lacking != "" {
			return fmt.Sprintf("%s is missing in %s", lacking, all)
		}
		return ""
	})
	return all
}

func (s story) String() string {
	var b strings.Builder
	for _, one := range s {
		fmt.Fprintf(&b, "\n%-16s %-14s %s below %-16s %-8s %s", one.by, one.name, one.id, one.parent, one.attempt, one.failed)
	}
	return b.String()
}

// find gives the spans of a name and a process; "" is any process.
func (s story) find(name, by string) (found []span) {
	for _, one := range s {
		if one.name == name && (by == "" || one.by == by) {
			found = append(found, one)
		}
	}
	return found
}

// under says what is not a child of a span that is named so; orphans are allowed to
// be children of what never came.
func (s story) under(name, parent string, orphans bool) string {
	for _, one := range s.find(name, "") {
		at := slices.IndexFunc(s, func(p span) bool { return p.id == one.parent })
		switch {
		case at < 0 && !orphans:
			return fmt.Sprintf("the parent of %s of %s (%s)", name, one.by, one.attempt)
		case at >= 0 && s[at].name != parent:
			return fmt.Sprintf("%s of %s is below %s instead of %s", name, one.by, s[at].name, parent)
		case at >= 0 && one.attempt != "" && s[at].attempt != "" && s[at].attempt != one.attempt:
			return fmt.Sprintf("%s of attempt %s is below one of attempt %s", name, one.attempt, s[at].attempt)
		}
	}
	return ""
}

// family is who is whose child.
var family = [][2]string{
	{"block", "submit"}, {"queue", "block"}, {"attempt", "block"}, {"prepare", "attempt"}, {"execute", "prepare"},
	{"exchange wait", "execute"}, {"force", "prepare"}, {"decide", "attempt"}, {"commit", "attempt"},
}
