package fuzz

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"sync/atomic"
	"time"
)

const (
	// batch is how many executions there are between two looks at the clock and at
	// what was allocated.
	batch = 64
	// slowest is how long a batch may take before it counts as a hang.
	slowest = time.Minute
	// memory is how many bytes the process has before garbage is collected.
	memory = 128 << 20
)

// drive is one run of the mutator.
type drive struct {
	target  runner
	bound   *bound // nil if there is none
	mutator *mutator
	probe   *probe
	in      input         // that runs
	state   atomic.Uint64 // of the mutator, in front of it
	batches atomic.Uint64 // that are done
}

// mutate runs target for a duration and prints how many executions there were.
func (f *F) mutate(target any, duration time.Duration) {
	corpus := f.corpus(reflect.TypeOf(target))
	if len(corpus) == 0 {
		f.Fatal("there is no seed: add one")
	}
	seed := uint64(time.Now().UnixNano())
	d := &drive{
		target: runnerOf(target), bound: f.bound, mutator: newMutator(seed, corpus),
		probe: &probe{TB: f.F}, in: make(input, len(corpus[0])),
	}
	// What an execution leaves is garbage, so collections are for the memory that the
	// process may have, and not for each few megabytes.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memory)
	ended := make(chan struct{})
	defer close(ended)
	go d.watch(f.folder(), ended)
	start := time.Now()
	for time.Since(start) < duration {
		if d.batch() {
			f.report(d)
		}
	}
	fmt.Printf("mutated %s: %d executions in %.1fs, corpus %d, seed %d\n",
		f.Name(), d.batches.Load()*batch, time.Since(start).Seconds(), len(corpus), seed)
	f.Skip("mutated")
}

// folder is where go test looks for the corpus of the target.
func (f *F) folder() string { return filepath.Join("testdata", "fuzz", f.Name()) }

// corpus is all that is known: seeds of the program, of testdata, and what go test
// has found, in the folder that LOCKSTEP_MUTATE_CORPUS names.
func (f *F) corpus(target reflect.Type) []input {
	var like []reflect.Type
	for i := 1; i < target.NumIn(); i++ {
		like = append(like, target.In(i))
	}
	corpus := f.seeds
	for _, dir := range []string{f.folder(), filepath.Join(os.Getenv("LOCKSTEP_MUTATE_CORPUS"), f.Name())} {
		list, err := load(dir, like)
		if err != nil {
			f.Fatal(err)
		}
		corpus = append(corpus, list...)
	}
	return corpus
}

// batch executes the next inputs and says whether one has failed.
func (d *drive) batch() (failed bool) {
	from, before := d.mutator.state, allocated()
	size, failed := d.run(d.target)
	// All executions together may allocate what one may in excess of its input. If
	// they took more, each is looked at on its own.
	if !failed && d.bound != nil && allocated()-before > d.bound.of(size) {
		d.mutator.state = from
		_, failed = d.run(d.bound.around(d.target))
	}
	d.batches.Add(1)
	return failed
}

// run executes a batch up to the first failure, and gives the bytes of its inputs.
func (d *drive) run(target runner) (size int, failed bool) {
	failed = !d.probe.survives(func() {
		for range batch {
			d.state.Store(d.mutator.state)
			d.mutator.next(d.in)
			size += d.in.size()
			target(d.probe, d.in)
			if d.probe.failed {
				return
			}
		}
	})
	return size, failed
}

// current makes the input that runs, or ran last, once more: a target may have
// changed the one that it was given.
func (d *drive) current() input {
	m := *d.mutator
	m.state = d.state.Load()
	in := make(input, len(d.in))
	m.next(in)
	return in.clone()
}

// report ends the test with the input that failed, made smaller and kept.
func (f *F) report(d *drive) {
	target := d.target
	if d.bound != nil {
		target = d.bound.around(target)
	}
	small, message := shrink(d.current(), target, d.probe.TB)
	if message == "" {
		message = d.probe.message + "\nbut not when it was run again"
	}
	name, err := small.keep(f.folder())
	f.Fatalf("%s\nthe input is in %s (%v)", message, name, err)
}

// watch keeps the input and ends the process if a batch hangs.
func (d *drive) watch(dir string, ended <-chan struct{}) {
	for done := d.batches.Load(); ; done = d.batches.Load() {
		select {
		case <-ended:
			return
		case <-time.After(slowest):
		}
		if d.batches.Load() == done {
			name, err := d.current().keep(dir)
			panic(fmt.Sprintf("an execution takes more than %s, its input is in %s (%v)", slowest, name, err))
		}
	}
}
