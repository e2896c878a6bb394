package sim

import (
	"sync"
	"time"
)

// Totals are what many runs came to, taken together.
type Totals struct {
	Seeds     int            `json:"seeds"`
	Steps     int            `json:"steps"`
	Simulated time.Duration  `json:"simulated_ns"`
	Blocks    int            `json:"blocks"`
	Settled   int            `json:"most_steps_to_rest"` // from the last fault on
	SettledIn time.Duration  `json:"longest_to_rest_ns"`
	Took      time.Duration  `json:"took_ns"`
	Counts    map[string]int `json:"counts"`
	Failures  []Result       `json:"failures"`
}

// add takes a result in.
func (t *Totals) add(r Result) {
	t.Seeds++
	t.Steps += r.Steps
	t.Simulated += r.Simulated
	t.Blocks += r.Blocks
	t.Settled = max(t.Settled, r.Settled)
	for what, n := range r.Counts {
		t.Counts[what] += n
	}
	t.SettledIn = max(t.SettledIn, r.SettledIn)
	if r.Failure != nil {
		t.Failures = append(t.Failures, r)
	}
}

// mostFailures ends a run of many seeds early: more would tell nothing new.
const mostFailures = 8

// RunMany simulates seeds from first on, so many of them, on some goroutines at
// once, each seed on one of them. It tells progress after every seed, from one
// goroutine at a time, and stops early once several seeds have failed.
func RunMany(first uint64, seeds, goroutines int, o Options, progress func(Totals)) (Totals, error) {
	m := &many{next: first, end: first + uint64(seeds), options: o, progress: progress, began: time.Now()}
	m.totals.Counts = map[string]int{}
	var group sync.WaitGroup
	for range goroutines {
		group.Go(m.work)
	}
	group.Wait()
	return m.totals, m.err
}

type many struct {
	options  Options
	progress func(Totals)
	began    time.Time

	mu        sync.Mutex
	next, end uint64
	totals    Totals
	err       error
}

func (m *many) work() {
	for {
		seed, ok := m.take()
		if !ok {
			return
		}
		r, err := Run(seed, m.options)
		m.put(r, err)
	}
}

func (m *many) take() (seed uint64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.next == m.end || m.err != nil || len(m.totals.Failures) >= mostFailures {
		return 0, false
	}
	m.next++
	return m.next - 1, true
}

func (m *many) put(r Result, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.err = err
		return
	}
	m.totals.add(r)
	m.totals.Took = time.Since(m.began)
	m.progress(m.totals)
}
