package perf

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
	"github.com/lockstep-exec/lockstep/protocol/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dataDirectory has a file that must stay as it is.
func dataDirectory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "state.db"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func wantUntouched(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("there are %v, %v", entries, err)
	}
	if content, err := os.ReadFile(filepath.Join(dir, "state.db")); err != nil || string(content) != "precious" {
		t.Errorf("the file has %q, %v", content, err)
	}
}

func TestDiskLeavesNothingBehind(t *testing.T) {
	dir := dataDirectory(t)
	d, err := Disk(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if d.Forces < 1 || d.ForceMs.P50 <= 0 || d.ForceMs.P99 < d.ForceMs.P50 || d.WriteMBps <= 0 || d.FreeBytes <= 0 {
		t.Errorf("measured %+v", d)
	}
	wantUntouched(t, dir)
}

// Interrupted at any moment, it leaves nothing behind either.
func TestDiskInterrupted(t *testing.T) {
	for _, after := range []time.Duration{0, time.Millisecond, 30 * time.Millisecond} {
		dir := dataDirectory(t)
		ctx, cancel := context.WithTimeout(t.Context(), after)
		if _, err := Disk(ctx, dir); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", after, err)
		}
		cancel()
		wantUntouched(t, dir)
	}
}

func TestDiskRefuses(t *testing.T) {
	if _, err := Disk(t.Context(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("measured a directory that is not there")
	}
}

func TestClock(t *testing.T) {
	c, err := Clock(t.Context())
	if err != nil || c.Backward != 0 || c.LateMs <= 0 {
		t.Errorf("%+v, %v", c, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Clock(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestNetwork(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(rpc.ServerOptions{})
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	defer func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	results, err := Network(t.Context(), []Peer{{Name: "shard-0", Address: l.Addr().String()}, {Name: "shard-1", Address: "127.0.0.1:1"}, {Name: "shard-2", Address: ""}})
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; r.Error != "" || r.Trips < 1 || r.TripMs.P50 <= 0 {
		t.Errorf("%+v", r)
	}
	if r := results[1]; !strings.Contains(r.Error, "does not answer") {
		t.Errorf("%+v", r)
	}
	if r := results[2]; r.Error != "nobody knows its address" {
		t.Errorf("%+v", r)
	}
}

// Each limit decides its own check, and nothing else.
func TestJudge(t *testing.T) {
	good := func() Results {
		return Results{
			Disk:    &DiskResult{FileSystem: "ext4", ForceMs: measure.Percentiles{P50: 1, P99: 2}, WriteMBps: 100},
			Clock:   &ClockResult{LateMs: 1},
			Network: []PeerResult{{Peer: Peer{Name: "shard-0"}, TripMs: measure.Percentiles{P50: 1, P99: 2}}},
			Load:    &LoadResult{TransactionsPerSecond: 1000},
		}
	}
	limits := DefaultLimits()
	limits.TransactionsPerSecond = 1000
	for _, test := range []struct {
		spoil func(*Results)
		fails string
	}{
		{func(*Results) {}, ""},
		{func(r *Results) { r.Disk.Volatile = true }, "disk: what it keeps"},
		{func(r *Results) { r.Disk.ForceMs.P50 = 10.1 }, "disk: force, p50"},
		{func(r *Results) { r.Disk.ForceMs.P99 = 100.1 }, "disk: force, p99"},
		{func(r *Results) { r.Disk.WriteMBps = 39 }, "disk: writing"},
		{func(r *Results) { r.Clock.Backward = 1 }, "clock: monotonic"},
		{func(r *Results) { r.Clock.LateMs = 101 }, "clock: late by at most"},
		{func(r *Results) { r.Network[0].TripMs.P50 = 5.1 }, "network: shard-0, p50"},
		{func(r *Results) { r.Network[0].TripMs.P99 = 101 }, "network: shard-0, p99"},
		{func(r *Results) { r.Network[0].Error = "it does not answer" }, "network: shard-0"},
		{func(r *Results) { r.Load.TransactionsPerSecond = 999 }, "load: transactions a second"},
	} {
		r := good()
		test.spoil(&r)
		failed := ""
		for _, f := range limits.Judge(r) {
			if f.Pass != (f.Reason == "") {
				t.Errorf("%+v", f)
			}
			if !f.Pass {
				failed += f.Check
			}
		}
		if failed != test.fails {
			t.Errorf("fails %q, want %q", failed, test.fails)
		}
	}
}
