package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/cli"
)

// small gives options for a short run, with the results in out.
func small(t *testing.T, out *bytes.Buffer) Options {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real processes")
	}
	var told bytes.Buffer
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(told.String())
		}
	})
	return Options{
		Executable: binary(t), Shards: 2, Duration: time.Second, Pipeline: 4, Rounds: 1, JSON: true, Out: out, Err: &told,
		Workload:  workload.Options{Kind: workload.Uniform, Accounts: 500, BlockSize: 100, Seed: 7},
		Directory: filepath.Join(t.TempDir(), "data"),
	}
}

func run(t *testing.T, o Options, out *bytes.Buffer) (r Report) {
	t.Helper()
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBench(t *testing.T) {
	var out bytes.Buffer
	o := small(t, &out)
	o.Compare, o.Verify, o.LatencyBlocks, o.HTML = []string{Bare}, true, 5, filepath.Join(t.TempDir(), "page.html")
	o.Rounds, o.Duration, o.Blocks = 2, 0, 30
	r := run(t, o, &out)
	if r.Tx != 3000 || r.Blocks != 30 || r.Outcomes["applied"] != 3000 || r.Throughput <= 0 || r.Latency.P50 <= 0 || r.Tiny == nil || r.FsyncP50 <= 0 {
		t.Errorf("%+v", r)
	}
	c := r.Compare[Bare]
	if c.Transactions != 3000 || c.Ratio <= 0 || c.Lowest > c.Ratio || c.Highest < c.Ratio || len(r.Rounds) != 2 {
		t.Errorf("comparison %+v of %d rounds", c, len(r.Rounds))
	}
	if !r.Checks.SameAsBare || !r.Checks.Proof || r.Checks.Balances.Int64() != 500*workload.OpeningBalance {
		t.Errorf("checks %+v", r.Checks)
	}
	if len(r.Processes) != 4 || r.Peak["shard1"] == 0 || r.CPUPer == nil {
		t.Errorf("processes %+v", r.Processes)
	}
	if page, err := os.ReadFile(o.HTML); err != nil || !bytes.Contains(page, []byte("</html>")) {
		t.Errorf("the page: %v", err)
	}
	if _, err := os.Stat(o.Directory); !os.IsNotExist(err) {
		t.Errorf("the data is left behind: %v", err)
	}
}

func TestBenchOfSeveralCoordinators(t *testing.T) {
	var out bytes.Buffer
	o := small(t, &out)
	o.Coordinators, o.Verify, o.Duration, o.Blocks = 3, true, 0, 20
	r := run(t, o, &out)
	if r.Tx != 2000 || !r.Checks.Proof || r.Settings.Coordinators != 3 {
		t.Errorf("%+v", r)
	}
	if len(r.Processes) != 6 || r.Peak["coordinator3"] == 0 || r.Peak["shard1"] == 0 {
		t.Errorf("processes %+v", r.Processes)
	}
}

func TestInterruptLeavesNothing(t *testing.T) {
	var out bytes.Buffer
	o := small(t, &out)
	o.Duration = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := Run(ctx, o); err == nil || out.Len() > 0 {
		t.Errorf("an interrupted run gives %v and the results %s", err, out.String())
	}
	if _, err := os.Stat(o.Directory); !os.IsNotExist(err) {
		t.Errorf("the data is left behind: %v", err)
	}
	processes, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		if target, err := os.Readlink(p); err == nil && strings.HasPrefix(target, o.Executable) {
			t.Errorf("%s still runs", p)
		}
	}
}

// TestOfAClusterThatRuns measures the same cluster twice: the second time is
// not answered from the first.
func TestOfAClusterThatRuns(t *testing.T) {
	var out bytes.Buffer
	o := small(t, &out)
	dir := t.TempDir()
	c, err := start(t.Context(), o, dir, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	api, _, err := c.daemons[0].Listening(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o.Coordinator, o.Duration, o.Blocks = api, 0, 10
	first := run(t, o, &out)
	out.Reset()
	second := run(t, o, &out)
	if second.Checks.Height < first.Checks.Height+10 || second.Blocks != 10 || len(second.Processes) > 0 || second.CPUPer != nil {
		t.Errorf("first %+v, second %+v", first.Checks, second)
	}
}

func TestInput(t *testing.T) {
	var out bytes.Buffer
	o := small(t, &out)
	o.Input, o.Duration, o.Compare, o.Pipeline = filepath.Join(t.TempDir(), "in.jsonl"), 0, []string{Bare}, 1
	var lines strings.Builder
	for block := range 8 {
		name := string(rune('a' + block))
		lines.WriteString(`{"block":"` + name + `","ops":[{"op":"credit","account":"` + name + `","amount":"5"}]}` + "\n")
		lines.WriteString(`{"block":"` + name + `","ops":[{"op":"debit","account":"` + name + `","amount":"7"}]}` + "\n")
	}
	if err := os.WriteFile(o.Input, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, o, &out)
	if r.Tx != 16 || r.Blocks != 8 || r.Outcomes["insufficient_funds"] != 8 || r.Outcomes["applied"] != 8 || !r.Checks.SameAsBare || r.Settings.Workload != "file" {
		t.Errorf("%+v", r)
	}
}

func TestWrongUsage(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"comparison":           func(o *Options) { o.Compare = []string{"nothing"} },
		"nothing ends it":      func(o *Options) { o.Duration = 0 },
		"compare from outside": func(o *Options) { o.Coordinator, o.Compare = "127.0.0.1:1", []string{Bare} },
		"verify from outside":  func(o *Options) { o.Coordinator, o.Verify = "127.0.0.1:1", true },
		"postgres and a file":  func(o *Options) { o.Input, o.Compare = "x", []string{Postgres} },
		"one account":          func(o *Options) { o.Workload.Accounts = 1 },
		"directory in use":     func(o *Options) { o.Directory = "." },
	} {
		o := Options{Duration: time.Second, Rounds: 1, Pipeline: 1, Err: &bytes.Buffer{}, Workload: workload.Options{Kind: workload.Uniform, Accounts: 10, BlockSize: 10}}
		change(&o)
		if err := Run(t.Context(), o); cli.ExitCode(err) != cli.ExitUsage {
			t.Errorf("%s: %v, want exit code 2", name, err)
		}
	}
}

func TestDirectoryOfOthersIsKept(t *testing.T) {
	dir := t.TempDir()
	w, err := newWorkspace(dir)
	if err != nil {
		t.Fatal(err)
	}
	made, err := w.folder("lockstep", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.clean(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(made); !os.IsNotExist(err) {
		t.Errorf("what was made is left: %v", err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("what was there is gone: %v", err)
	}
}
