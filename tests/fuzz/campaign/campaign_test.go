package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCount reads what the two ways of running print.
func TestCount(t *testing.T) {
	for name, test := range map[string]struct {
		out               string
		executions, fresh uint64
		ok                bool
	}{
		"mutated": {"mutated FuzzX: 640 executions in 2.0s, corpus 3, seed 7\nPASS\n", 640, 0, true},
		"coverage": {"fuzz: elapsed: 0s, gathering baseline coverage: 0/9 completed\nfuzz: elapsed: 0s, gathering baseline coverage: 9/9 completed, now fuzzing with 1 workers\n" +
			"fuzz: elapsed: 3s, execs: 100 (33/sec), new interesting: 2 (total: 11)\nfuzz: elapsed: 5s, execs: 250 (75/sec), new interesting: 4 (total: 13)\nPASS\n", 250, 4, true},
		"only the corpus": {"fuzz: elapsed: 3s, gathering baseline coverage: 41/99 completed\nPASS\n", 41, 0, true},
		"no count":        {"PASS\n", 0, 0, false},
	} {
		executions, fresh, ok := count(test.out)
		if executions != test.executions || fresh != test.fresh || ok != test.ok {
			t.Errorf("%s: %d executions, %d new, %v", name, executions, fresh, ok)
		}
	}
}

// TestTimeWasUp: the end of the time is no finding, and a finding is no end of the time.
func TestTimeWasUp(t *testing.T) {
	for out, want := range map[string]bool{
		"fuzz: elapsed: 10s, execs: 9 (1/sec)\n--- FAIL: FuzzLine (10.11s)\n    context deadline exceeded\nFAIL\n":                                              true,
		"--- FAIL: FuzzLine (10.11s)\n    context deadline exceeded\n    Failing input written to testdata/fuzz/FuzzLine/1f\nFAIL\n":                            false,
		"--- FAIL: FuzzLine (1.11s)\n    --- FAIL: FuzzLine (0.00s)\n        line_test.go:9: context deadline exceeded\n    Failing input written to x\nFAIL\n": false,
	} {
		if got := timeWasUp.MatchString(out); got != want {
			t.Errorf("%v of %q", got, out)
		}
	}
}

// TestTableAddsUp: runs are written down, read again, and added up by target and kind.
func TestTableAddsUp(t *testing.T) {
	name := filepath.Join(t.TempDir(), "bin", "runs.tsv")
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, r := range []record{
		{at, "c1", "wal.FuzzB", byCoverage, 5, 1_000, 3, passed},
		{at, "c1", "wal.FuzzB", byMutation, 20, 2_000_000, 0, passed},
		{at, "c2", "wal.FuzzB", byMutation, 20, 1, 0, passed},
		{at, "c2", "a.FuzzA", byMutation, 1, 0, 0, "failed"},
		{at, "c3", "a.FuzzA", byMutation, 1, 64, 0, passed},
	} {
		if err := r.appendTo(name); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := printTable(&out, name); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	for i, want := range []string{
		"target seconds executions led by coverage new inputs executions of the mutator result",
		"a.FuzzA 2 0 0 64 ok, 1 failed before",
		"wal.FuzzB 45 1,000 3 2,000,001 ok",
		"all 47 1,000 3 2,000,065 ok, 1 failed before",
		"", "2,001,065 executions in all: 1,000 led by coverage, 2,000,065 of the mutator.",
	} {
		if i >= len(got) || got[i] != want {
			t.Errorf("line %d of\n%s\nis not %q", i+1, out.String(), want)
		}
	}
}

// TestDamagedRecordIsRefused: a line that is no run is not passed over in silence.
func TestDamagedRecordIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "runs.tsv")
	if err := os.WriteFile(name, []byte("2024-05-06T07:08:09Z\tc1\twal.FuzzB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := printTable(&strings.Builder{}, name); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("got %v", err)
	}
}

// TestFindsTargets: every fuzz test of the module is found, and whether the mutator
// can run it.
func TestFindsTargets(t *testing.T) {
	t.Chdir("../../..")
	list, err := find(regexp.MustCompile(`^(wal\.FuzzOpenSegment|tests/fuzz\.FuzzItself)$`))
	if err != nil || len(list) != 2 || list[0] != (target{"tests/fuzz", "FuzzItself", true}) || list[1] != (target{"wal", "FuzzOpenSegment", false}) {
		t.Errorf("found %+v, %v", list, err)
	}
}

// TestLeastFirst: targets without a run come first, and no file is a file without runs.
func TestLeastFirst(t *testing.T) {
	name := filepath.Join(t.TempDir(), "runs.tsv")
	a, b, c := target{dir: "p", name: "FuzzA"}, target{dir: "p", name: "FuzzB"}, target{dir: "p", name: "FuzzC"}
	for _, step := range []struct {
		ran  target
		want []target
	}{{want: []target{a, b, c}}, {a, []target{b, c, a}}, {b, []target{c, a, b}}} {
		if step.ran.name != "" {
			r := record{target: step.ran.String(), seconds: float64(len(step.want)), result: passed}
			if err := r.appendTo(name); err != nil {
				t.Fatal(err)
			}
		}
		list := []target{a, b, c}
		if err := leastFirst(list, name); err != nil || !slices.Equal(list, step.want) {
			t.Errorf("after %v: %v, %v", step.ran, list, err)
		}
	}
}
