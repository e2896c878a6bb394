package bench

import (
	"bytes"
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/measure"
	"github.com/lockstep-exec/lockstep/cmd/lockstep/bench/workload"
	"github.com/lockstep-exec/lockstep/protocol"
)

// measured is a bench with two rounds, as if they had been run.
func measured() *bench {
	b := &bench{
		options: Options{Pipeline: 8, Workload: workload.Options{Kind: workload.Zipf, Accounts: 50_000, BlockSize: 100, Seed: 3, Skew: 1.1}},
		config:  protocol.Config{Slots: protocol.EvenSlots(2)}, supply: &supply{blocks: make([]workload.Block, 5)},
		space: &workspace{dir: "."},
	}
	for i, theirs := range []float64{2000, 500} {
		o := ours{result: result{elapsed: time.Second, transactions: 1000 * (i + 1), outcomes: map[string]uint64{"applied": 990, "insufficient_funds": 10}}}
		for n := range 10 {
			took := time.Duration(n+1) * 10 * time.Millisecond
			o.samples = append(o.samples, sample{began: time.Duration(n) * 90 * time.Millisecond, took: took, transactions: 100 * (i + 1), crossShard: 75 * (i + 1)})
		}
		o.settled, o.checks = 2*time.Second, Checks{Height: 12, Balances: big.NewInt(7), SameAsBare: true}
		written, forced := int64(2048*1000), int64(20)
		points := []Point{{At: 0.25, CPU: 0.1, Memory: 1 << 20}, {At: 0.5, CPU: 0.3, Memory: 2 << 20}}
		o.processes = []Process{
			{Name: "coordinator", CPU: 0.002, CPUPer: 2, Written: &written, Fsyncs: &forced, Peak: 4 << 20, Points: points},
			{Name: "shard0", CPU: 0.008, CPUPer: 8, Written: &written, Fsyncs: &forced, Peak: 5 << 20, Points: points},
			{Name: loadGenerator, CPU: 9, CPUPer: 9000, Peak: 9 << 20, Points: points},
		}
		if i == 0 {
			o.tiny = []time.Duration{3 * time.Millisecond}
		}
		cpu := 5.0
		b.rounds = append(b.rounds, round{o, map[string]Figures{Bare: {Throughput: theirs, CPUPer: &cpu}}})
	}
	return b
}

func reported() Report { return measured().report(measure.Percentiles{P50: 0.5}) }

func TestReport(t *testing.T) {
	r := reported()
	if r.Throughput != 1000 || r.Settled != 500 || r.Cross != 0.75 || r.Latency.P50 != 50 || r.Tiny.P99 != 3 {
		t.Errorf("the figures are not those of the lower round: %+v", r)
	}
	if *r.CPUPer != 10 || *r.WrittenPer != 4096 || len(r.Peak) != 2 || r.Peak["shard0"] != 5<<20 {
		t.Errorf("CPU %v, written %v, peaks %v: want the daemons alone", *r.CPUPer, *r.WrittenPer, r.Peak)
	}
	c := r.Compare[Bare]
	if c.Lowest != 0.5 || c.Highest != 4 || c.Ratio != 2.25 || c.SettledBy != 1.125 || *c.CPURatio != 2 || c.Throughput != 2000 {
		t.Errorf("comparison %+v", c)
	}
}

// TestJSON reads what programs are promised.
func TestJSON(t *testing.T) {
	b := measured()
	var out bytes.Buffer
	b.options.Out, b.options.JSON = &out, true
	if err := b.publish(b.report(measure.Percentiles{P50: 0.5})); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Throughput float64            `json:"throughput_tps"`
		Latency    map[string]float64 `json:"latency_ms"`
		Fsync      float64            `json:"fsync_ms_p50"`
		CPU        float64            `json:"cpu_us_per_tx"`
		Peak       map[string]int64   `json:"peak_rss_bytes"`
		Compare    map[string]struct {
			Throughput float64 `json:"throughput_tps"`
			Ratio      float64 `json:"ratio"`
		} `json:"compare"`
		Fsyncs float64 `json:"fsyncs_per_tx"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), "\n") != 1 {
		t.Error("it is not one line")
	}
	if got.Throughput != 1000 || got.Latency["p50"] != 50 || got.Latency["p95"] != 100 || got.Latency["p99"] != 100 || got.Fsync != 0.5 ||
		got.CPU != 10 || got.Peak["coordinator"] != 4<<20 || got.Compare["bare"].Throughput != 2000 || got.Compare["bare"].Ratio != 2.25 || got.Fsyncs != 0.04 {
		t.Errorf("%+v", got)
	}
}

func TestTables(t *testing.T) {
	var out strings.Builder
	if err := writeTables(&out, reported()); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"1,000 transactions a second", "990 applied, 10 insufficient funds; 75% across shards", "50.0 ms", "10.0 µs", "bare", "2.25", "load generator",
		"workload zipf with seed 3, 50,000 accounts, skew 1.1", "the state that the bare run came to",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the tables lack %q:\n%s", part, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(line)) - 1; n > 80 && !strings.Contains(line, ":") {
			t.Errorf("a line of a table has %d columns: %s", n, line)
		}
	}
}

func TestPage(t *testing.T) {
	r := reported()
	r.Settings.Input = `<script>alert("x")</script>`
	r.Machine.Processor = "a & b"
	r.Compare[Bare] = Comparison{What: "<b>"}
	var out strings.Builder
	if err := WriteHTML(&out, r); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, part := range []string{"1,000 transactions a second", "&lt;script&gt;", "a &amp; b", "Cores in use", "</html>", `class="line l0"`} {
		if !strings.Contains(text, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	if strings.Contains(text, "<script") || strings.Contains(text, "ZgotmplZ") || strings.Contains(text, ">&lt;no value") {
		t.Error("the page has a script, or something that the template refused")
	}
	if outside := regexp.MustCompile(`(?:src|href|url)\s*[=(]`).FindString(text); outside != "" {
		t.Errorf("the page needs something else: %s", outside)
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Error("the page has a number that is none")
	}
}

// TestPageOfLittle has nothing but what is always there.
func TestPageOfLittle(t *testing.T) {
	var out strings.Builder
	if err := WriteHTML(&out, Report{Throughput: 5}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "Cores in use") || !strings.Contains(out.String(), "Too short") {
		t.Error("it shows what was not measured")
	}
}

func TestTurns(t *testing.T) {
	b := &bench{options: Options{Compare: []string{Bare, Postgres}}}
	if got, want := strings.Join(b.systems(0), " "), "lockstep bare postgres postgres_block"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := strings.Join(b.systems(1), " "), "postgres_block postgres bare lockstep"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
