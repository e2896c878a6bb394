package sim

import "time"

// Shrink looks for a smaller history that breaks the same invariant as the
// seed does with these options: fewer steps, kinds of faults, single faults,
// blocks and shards. It gives the options of the smallest that it has found
// within the time.
func Shrink(seed uint64, o Options, f *Failure, within time.Duration) Options {
	o.Trace = nil
	s := &shrinker{seed: seed, options: o, invariant: f.Invariant, until: time.Now().Add(within)}
	s.fewerSteps(f.Step)
	s.fewerKinds()
	s.smaller()
	s.fewerFaults()
	s.fewerSteps(s.step)
	return s.options
}

type shrinker struct {
	seed      uint64
	options   Options // of the smallest so far
	invariant string
	until     time.Time
	step      int // at which the smallest breaks
	faults    int // of the smallest
}

// try keeps the options if the same invariant breaks with them.
func (s *shrinker) try(o Options) bool {
	if time.Now().After(s.until) {
		return false
	}
	r, err := Run(s.seed, o)
	if err != nil || r.Failure == nil || r.Failure.Invariant != s.invariant {
		return false
	}
	s.options, s.step, s.faults = o, r.Failure.Step, r.Faults
	return true
}

// fewerSteps halves what can be taken away from the steps before the faults
// stop.
func (s *shrinker) fewerSteps(from int) {
	low, high := 1, from
	for low < high {
		o := s.options
		o.Steps = (low + high) / 2
		if s.try(o) {
			high = o.Steps
		} else {
			low = o.Steps + 1
		}
	}
}

// fewerKinds leaves out one kind of fault after the other.
func (s *shrinker) fewerKinds() {
	for f := range numFaults {
		o := s.options
		o.Without |= Of(f)
		s.try(o)
	}
}

// smaller leaves out what clients do besides, blocks and shards.
func (s *shrinker) smaller() {
	o := s.options
	o.Plain = true
	s.try(o)
	for _, blocks := range []int{1, 2, 3, 5, 8, 13, 21} {
		o = s.options
		o.Blocks = blocks
		if s.try(o) {
			break
		}
	}
	for _, shards := range []int{1, 2, 3, 4} {
		o = s.options
		o.Shards = shards
		if s.try(o) {
			break
		}
	}
}

// fewerFaults leaves out single faults: half of them at once, then quarters,
// and so on ("Simplifying and Isolating Failure-Inducing Input", Zeller and
// Hildebrandt, 2002).
func (s *shrinker) fewerFaults() {
	s.try(s.options)
	for size := max(s.faults/2, 1); ; size /= 2 {
		for from := 1; from <= s.faults; from += size {
			s.try(s.without(from, from+size))
		}
		if size == 1 {
			return
		}
	}
}

func (s *shrinker) without(from, to int) Options {
	o := s.options
	o.Skip = map[int]bool{}
	for ordinal := range s.options.Skip {
		o.Skip[ordinal] = true
	}
	for ordinal := from; ordinal < to; ordinal++ {
		o.Skip[ordinal] = true
	}
	return o
}
