package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
)

// fake writes a program that answers every run with a report, and fails for
// PostgreSQL; it notes its arguments in a file.
func fake(t *testing.T, r bench.Report) (binary, calls string) {
	t.Helper()
	dir := t.TempDir()
	answer, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	calls = filepath.Join(dir, "calls")
	script := fmt.Sprintf("#!/bin/sh\necho \"$@\" >>%s\ncase \"$*\" in *postgres*) exit 2;; esac\ncat <<'END'\n%s\nEND\n", calls, answer)
	binary = filepath.Join(dir, "binary")
	if err := os.WriteFile(binary, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return binary, calls
}

func sample() bench.Report {
	cpu := 8.0
	return bench.Report{
		Throughput: 200_000, Settled: 180_000, Seconds: 10, SettledIn: 10.5, Tx: 1000, Blocks: 10, Cross: 0.75, CPUPer: &cpu,
		FsyncP50: 0.2, Tiny: &measure.Percentiles{P50: 2}, Latency: measure.Percentiles{P50: 400, P99: 800},
		Compare: map[string]bench.Comparison{bench.Bare: {Ratio: 1.5, Lowest: 1.25, Highest: 1.75}},
		Peak:    map[string]int64{"coordinator": 500 << 20, "shard0": 100 << 20, "shard1": 300 << 20},
		Processes: []bench.Process{
			{Name: "coordinator", CPUPer: 1, Early: 100, Late: 900},
			{Name: "shard0", CPUPer: 3, Early: 1000, Late: 1010}, {Name: "shard1", CPUPer: 4, Early: 1000, Late: 900},
		},
		Restart: &bench.Restart{Log: 64 << 20, Database: 16 << 20, Heights: 1 << 10, Read: 0.05, Ready: 1.5, Ratio: 30},
		Away:    &bench.Away{Seconds: 60, Survivors: []bench.Survivor{{Name: "coordinator", First: 1000, Last: 1200}, {Name: "shard0", First: 500, Last: 500}}},
	}
}

// TestBars runs the suite, and makes the same table of what was kept.
func TestBars(t *testing.T) {
	binary, calls := fake(t, sample())
	dir := t.TempDir()
	var table, again strings.Builder
	if err := run(t.Context(), []string{"-binary", binary, "-dir", dir, "-full", "bars"}, &table, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"| throughput / `bare`, 1,000,000 accounts | ≥ 1 | 1.50 | 1.25 to 1.75 | yes |",
		"| throughput / `postgres`, 1,000,000 accounts | ≥ 30 | - | not measured | - |",
		"| real accesses / `bare`, in order | ≥ 0.5 | 1.50 | 1.25 to 1.75 | yes |",
		"| block of one transaction, median / force of 4 KiB | ≤ 15 | 10.0 | 2.00 ms / 0.20 ms | yes |",
		"| restart to ready / reading the files once | ≤ 10 | 30.0 | 1.50 s / 0.050 s for 80.0 MiB | **no** |",
		"| most memory of a shard under load, MiB | ≤ 400 | 300 | +1% from",
		"| growth of memory while a shard is away, % | ≤ 10 | 20.0 | 60.0 s | **no** |",
	} {
		if !strings.Contains(table.String(), row) {
			t.Errorf("no row begins\n%s\nin\n%s", row, table.String())
		}
	}
	ran, err := os.ReadFile(calls)
	if err != nil || !strings.Contains(string(ran), "--duration 10m0s --latency-blocks 0 --away 10m0s") {
		t.Errorf("-full ran %s, %v", ran, err)
	}
	if err := run(t.Context(), []string{"-from", dir, "-full", "bars"}, &again, io.Discard); err != nil || again.String() != table.String() {
		t.Errorf("what was kept gives %v and\n%s", err, again.String())
	}
}

// TestSuites makes every table of whole columns.
func TestSuites(t *testing.T) {
	binary, _ := fake(t, sample())
	for _, name := range suiteNames() {
		var table strings.Builder
		if err := run(t.Context(), []string{"-binary", binary, "-dir", t.TempDir(), name}, &table, io.Discard); err != nil {
			t.Fatal(err)
		}
		columns, rows := 0, 0
		for line := range strings.Lines(table.String()) {
			if n := strings.Count(line, "|"); n > 0 {
				if columns == 0 {
					columns = n
				}
				if rows++; n != columns {
					t.Errorf("%s: %d columns, want %d: %s", name, n-1, columns-1, line)
				}
			}
		}
		if rows < 6 {
			t.Errorf("%s has %d rows:\n%s", name, rows, table.String())
		}
	}
}

func TestRefused(t *testing.T) {
	for _, args := range [][]string{nil, {"nothing"}, {"-from", t.TempDir(), "bars"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

// TestInterrupted goes no further.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := run(ctx, []string{"-binary", "/bin/false", "-dir", t.TempDir(), "blocks"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("%v", err)
	}
}

func TestMet(t *testing.T) {
	for _, test := range []struct {
		bar  bar
		f    figure
		want bool
	}{
		{bar{least: 1}, figure{value: 1}, true},
		{bar{least: 1}, figure{value: 0.99}, false},
		{bar{most: 10}, figure{value: 10}, true},
		{bar{most: 10}, figure{value: 10.1}, false},
		{bar{most: 10}, figure{value: 5, wrong: true}, false},
	} {
		if got := test.bar.met(test.f); got != test.want {
			t.Errorf("%+v of %+v: %v", test.f, test.bar, got)
		}
	}
}

func TestGrowth(t *testing.T) {
	r := sample()
	if got := shardGrowth(&r); math.Abs(got-0.01) > 1e-9 {
		t.Errorf("shards grow by %v, want a hundredth", got)
	}
	if got := survivorGrowth(r.Away); math.Abs(got-0.2) > 1e-9 {
		t.Errorf("survivors grow by %v, want a fifth", got)
	}
}

func TestModel(t *testing.T) {
	costs := []cost{{0, 0.5, 4}, {0.5, 0.75, 6}, {0.75, 1, 7}}
	l := fit(costs)
	if math.Abs(l.fixed-4) > 1e-9 || math.Abs(l.slope-4) > 1e-9 {
		t.Fatalf("%+v, want 4 and 4", l)
	}
	// 4 machines: 4 + 4 × 3/4 = 7 µs, 7 cores, and they have 8. Of 3 they have 6.
	if got := l.machinesFor(1_000_000); got != 4 {
		t.Errorf("%d machines, want 4", got)
	}
	if text := modelOf(costs); !strings.Contains(text, "4 machines of 2 cores") || !strings.Contains(text, "2,000,000 a second at most: 1.0 cores") {
		t.Error(text)
	}
	if text := modelOf([]cost{{0, 4, 4}}); !strings.Contains(text, "500,000 a second at most: it is what limits first") {
		t.Error(text)
	}
	if got := fit([]cost{{0.5, 1, 6}, {0.5, 1, 8}}); got != (line{fixed: 7}) {
		t.Errorf("%+v, want a level line at 7", got)
	}
}
