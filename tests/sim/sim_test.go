package sim

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

var (
	firstFlag   = flag.Uint64("sim.seed", 1, "first seed")
	seedsFlag   = flag.Int("sim.seeds", 0, "number of seeds; 0 takes 300, or 100 with -short")
	workersFlag = flag.Int("sim.workers", runtime.GOMAXPROCS(0), "seeds at once")
	traceFlag   = flag.Bool("sim.trace", false, "print everything that happens in the first seed, or in the smallest history that fails")
	jsonFlag    = flag.String("sim.json", "", "file to write the totals to, as JSON")
	shrinkFlag  = flag.Duration("sim.shrink", 30*time.Second, "time to look for a smaller history that fails")

	stepsFlag   = flag.Int("sim.steps", 0, "steps before the faults stop; 0 leaves it to the seed")
	shardsFlag  = flag.Int("sim.shards", 0, "number of shards; 0 leaves it to the seed")
	blocksFlag  = flag.Int("sim.blocks", 0, "most blocks that clients submit; 0 leaves it to the seed")
	plainFlag   = flag.Bool("sim.plain", false, "clients submit new blocks only, without deadlines")
	filesFlag   = flag.Bool("sim.files", false, "shards have real logs in files, with every seed")
	withoutFlag = flag.String("sim.without", "", "kinds of faults that never happen, separated by commas")
	onlyFlag    = flag.String("sim.only", "", "the only kinds of faults that happen, separated by commas, or none")
	skipFlag    = flag.String("sim.skip", "", "single faults that are left out, by their numbers, as 3,5-9")
)

// TestMain lets memory grow a little more between collections: what a seed
// uses is small, and soon over.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

func optionsFromFlags(t *testing.T) Options {
	t.Helper()
	o := Options{Steps: *stepsFlag, Shards: *shardsFlag, Blocks: *blocksFlag, Plain: *plainFlag}
	if *filesFlag {
		o.FileLogs = Always
	}
	var err error
	if o.Without, err = ParseFaults(*withoutFlag); err != nil {
		t.Fatal(err)
	}
	if *onlyFlag != "" {
		only, err := ParseFaults(*onlyFlag)
		if err != nil {
			t.Fatal(err)
		}
		o.Without = AllFaults &^ only
	}
	if o.Skip, err = ParseOrdinals(*skipFlag); err != nil {
		t.Fatal(err)
	}
	return o
}

func seeds() int {
	switch {
	case *seedsFlag > 0:
		return *seedsFlag
	case testing.Short():
		return 100
	}
	return 300
}

// TestSeeds is the simulator at work.
func TestSeeds(t *testing.T) {
	o := optionsFromFlags(t)
	if *traceFlag && seeds() == 1 {
		o.Trace = os.Stdout
	}
	last, failures := time.Now(), 0
	totals, err := RunMany(*firstFlag, seeds(), *workersFlag, o, func(so Totals) {
		for ; failures < len(so.Failures); failures++ {
			r := so.Failures[failures]
			fmt.Fprintf(os.Stderr, "sim: seed %d: %v\n", r.Seed, r.Failure)
		}
		if time.Since(last) > 5*time.Second {
			last = time.Now()
			fmt.Fprintf(os.Stderr, "sim: %d seeds, %.1f seeds/s, %d failed\n", so.Seeds, so.Rate(), len(so.Failures))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	writeTotals(t, totals)
	if seeds() >= 300 && len(totals.Failures) == 0 && !narrowed(o) {
		checkReached(t, totals)
	}
	for i, r := range totals.Failures {
		t.Errorf("seed %d: %v\n%s", r.Seed, r.Failure, Command(r.Seed, o))
		if i == 0 && o.Trace == nil {
			explain(t, r, o)
		}
	}
}

func narrowed(o Options) bool {
	return o.Steps > 0 || o.Shards > 0 || o.Blocks > 0 || o.Plain || o.FileLogs != Drawn || o.Without != 0 || len(o.Skip) > 0
}

// reached are counts of what is rare: a run of many seeds that never comes to
// one of them says nothing about it.
var reached = []string{
	"aborts", "checkpoints", "checkpoints put off", "clients left", "decision log trims", "exchange early", "exchange resends",
	"fenced appends", "found decided", "inboxes full", "keys with another content", "log mends", "looked up early", "losses of all power", "old blocks again", "old disks accepted", "old disks refused",
	"reads refused", "resyncs with held attempts", "session overflows", "stale coordinators met", "starts in doubt",
	"blocks after others", "operator looked", "operator refused", "operator told to wait", "operator: abort", "operator: resync", "operator: retry", "told aborted", "told committed", "told conflict", "told early", "told to look again", "told overloaded", "told rejected", "told unknown", "trims", "trims failed", "views", "votes refused", "withdrawn",
}

// checkReached: what can happen has happened.
func checkReached(t *testing.T, totals Totals) {
	t.Helper()
	for _, f := range AllFaults.Kinds() {
		if totals.Counts["fault "+f.String()] == 0 {
			t.Errorf("fault %s never came within %d seeds", f, totals.Seeds)
		}
	}
	for _, what := range reached {
		if totals.Counts[what] == 0 {
			t.Errorf("%q never happened within %d seeds", what, totals.Seeds)
		}
	}
}

func writeTotals(t *testing.T, totals Totals) {
	t.Helper()
	var table strings.Builder
	if err := totals.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	t.Log(table.String())
	if *jsonFlag == "" {
		return
	}
	data, err := json.MarshalIndent(totals, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*jsonFlag, append(data, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

// lastLines is how much of a trace is printed unless all of it is asked for.
const lastLines = 200

// explain prints the smallest history that fails in the same way.
func explain(t *testing.T, r Result, o Options) {
	t.Helper()
	small := Shrink(r.Seed, o, r.Failure, *shrinkFlag)
	var trace bytes.Buffer
	small.Trace = &trace
	again, err := Run(r.Seed, small)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(trace.String(), "\n"), "\n")
	if n := len(lines); n > lastLines && !*traceFlag {
		lines = append([]string{fmt.Sprintf("… %d lines before", n-lastLines)}, lines[n-lastLines:]...)
	}
	t.Logf("the smallest history found: seed %d, %d steps: %v\n%s\n\n%s", r.Seed, again.Steps, again.Failure, Command(r.Seed, small), strings.Join(lines, "\n"))
}

// TestSameSeedSameHistory: what a seed has shown once it shows again, also with
// others beside it, and whether somebody reads the trace or not.
func TestSameSeedSameHistory(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			var results [2]Result
			for i := range results {
				o := Options{}
				if i == 1 {
					o.Trace = &bytes.Buffer{}
				}
				var err error
				if results[i], err = Run(seed, o); err != nil {
					t.Fatal(err)
				}
			}
			if a, b := results[0], results[1]; a.Hash != b.Hash || a.Steps != b.Steps || a.Simulated != b.Simulated {
				t.Fatalf("%d steps with sum %x, then %d with %x: run it with -sim.trace -sim.seed=%d -sim.seeds=1 twice, and compare", a.Steps, a.Hash, b.Steps, b.Hash, seed)
			}
		})
	}
}
