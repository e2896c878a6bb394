package sim

import (
	"fmt"
	"time"
)

// Result is what a run came to.
type Result struct {
	Seed      uint64
	Failure   *Failure // nil if nothing broke
	Hash      uint64   // of everything that happened
	Steps     int
	Simulated time.Duration
	Shards    int
	Blocks    int           // decided
	Faults    int           // ordinals given, also to those left out
	Settled   int           // steps from the last fault until all was at rest
	SettledIn time.Duration // the simulated time of the same
	Counts    map[string]int
}

// Failure is an invariant that broke.
type Failure struct {
	Invariant string
	Text      string
	Step      int
}

func (f *Failure) Error() string { return fmt.Sprintf("%s, step %d: %s", f.Invariant, f.Step, f.Text) }

// Run simulates one seed from beginning to end. The same seed and options give
// the same result. It may be called from several goroutines at once.
func Run(seed uint64, o Options) (r Result, err error) {
	w, err := newWorld(seed, o)
	if err != nil {
		return Result{}, fmt.Errorf("make a simulated cluster: %w", err)
	}
	defer w.close()
	failure := w.run()
	w.counts["reads checked"] = w.reads
	return Result{
		Seed: seed, Failure: failure, Hash: w.trace.sum.Sum64(), Steps: w.steps, Simulated: w.now,
		Shards: len(w.shards), Blocks: len(w.decided), Faults: w.faults, Settled: w.settled, SettledIn: w.settledIn, Counts: w.counts,
	}, nil
}

func (w *world) run() (failure *Failure) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case violation:
			failure = &Failure{Invariant: v.invariant, Text: v.text, Step: w.steps}
			w.trace.say("observer", "BROKEN %s: %s", v.invariant, v.text)
		default:
			panic(v)
		}
	}()
	w.begin()
	for w.steps < w.limit {
		w.step()
	}
	w.settle()
	if w.again {
		w.crashAll()
		w.settle()
	}
	w.finish()
	return nil
}
