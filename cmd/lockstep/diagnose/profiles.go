package diagnose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

// mutexFraction is how many of the events of a lock that was waited for are
// noted while they are measured: one in so many.
const mutexFraction = 10

// errBusy is returned while the same thing is measured for somebody else.
var errBusy = errors.New("this is being measured for somebody else")

// profiles are the parts that the runtime of Go has.
func profiles() map[string]Part {
	return map[string]Part{
		"heap":      lookup("heap", 0),
		"goroutine": lookup("goroutine", 1),
		"mutex":     mutexProfile,
		"cpu":       cpuProfile,
	}
}

// lookup writes a profile as it is: with 0 for tools, with 1 for people.
func lookup(name string, form int) Part {
	return func(_ context.Context, to *bytes.Buffer, _ time.Duration) error {
		return pprof.Lookup(name).WriteTo(to, form)
	}
}

// cpuProfile measures what the processors do.
func cpuProfile(ctx context.Context, to *bytes.Buffer, measure time.Duration) error {
	if err := pprof.StartCPUProfile(to); err != nil {
		return fmt.Errorf("%w: %w", errBusy, err) // the only reason there is
	}
	defer pprof.StopCPUProfile()
	pass(ctx, measure)
	return nil
}

// measuringMutexes is held while locks are measured, since all of the process has
// one setting for it.
var measuringMutexes sync.Mutex

// mutexProfile measures who waits for locks, which costs something, so that it is
// off at other times.
func mutexProfile(ctx context.Context, to *bytes.Buffer, measure time.Duration) error {
	if !measuringMutexes.TryLock() {
		return errBusy
	}
	defer measuringMutexes.Unlock()
	before := runtime.SetMutexProfileFraction(mutexFraction)
	defer runtime.SetMutexProfileFraction(before)
	pass(ctx, measure)
	return pprof.Lookup("mutex").WriteTo(to, 0)
}

// pass lets time pass, unless ctx ends.
func pass(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
