package protocol

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"testing"
	"time"
)

var (
	modelSeeds = flag.Int("model.seeds", 800, "number of seeds of the randomized model test")
	modelFirst = flag.Uint64("model.first", 1, "first seed of the randomized model test")
	modelTrace = flag.Bool("model.trace", false, "print every step of the first seed")
)

// TestModel runs both machines against a small world that goes wrong in every
// way it may: one coordinator log, two or three shards, sessions that lose what
// is on its way, crashes of everyone, two incarnations at once. Invariants 1 to
// 6 are checked after every step, 7 at the end. The same seed gives the same run.
func TestModel(t *testing.T) {
	for seed := *modelFirst; seed < *modelFirst+uint64(*modelSeeds); seed++ {
		trace := *modelTrace && seed == *modelFirst
		if broken := runModel(seed, noMistake, trace, t.Logf); broken != "" {
			runModel(seed, noMistake, true, t.Logf)
			t.Fatalf("seed %d: %s", seed, broken)
		}
	}
}

// TestModelIsDeterministic: a failure can be looked at again.
func TestModelIsDeterministic(t *testing.T) {
	var runs [2][]string
	for i := range runs {
		runModel(7, noMistake, true, func(format string, args ...any) {
			runs[i] = append(runs[i], fmt.Sprintf(format, args...))
		})
	}
	if len(runs[0]) == 0 || len(runs[0]) != len(runs[1]) {
		t.Fatalf("%d steps, then %d", len(runs[0]), len(runs[1]))
	}
	for i := range runs[0] {
		if runs[0][i] != runs[1][i] {
			t.Fatalf("step %d: %q, then %q", i, runs[0][i], runs[1][i])
		}
	}
}

// violation is what a check panics with; noticed ends a run in which a planted
// mistake was found out, as it should be.
type (
	violation string
	noticed   struct{}
)

// runModel runs one seed and gives what broke, or "".
func runModel(seed uint64, m mistake, trace bool, logf func(string, ...any)) (broken string) {
	w := newWorld(seed, m)
	if trace {
		w.logf = logf
	}
	defer func() {
		switch v := recover().(type) {
		case nil, noticed:
		case violation:
			broken = string(v)
		default:
			panic(fmt.Sprintf("seed %d: %v\n%s", seed, v, debug.Stack()))
		}
	}()
	for range 50 + w.rng.IntN(350) {
		w.act()
		w.check()
	}
	w.settle()
	return ""
}

// world is the cluster, its network and its clients.
type world struct {
	rng     *rand.Rand
	mistake mistake
	logf    func(string, ...any)
	now     time.Time

	config       Config
	shards       []*modelShard
	disk         *coordinatorDisk
	coordinators []*modelCoordinator // running, the newest last
	links        []*modelLink        // sessions that are not forgotten yet
	sessions     Session
	faults       int // how much goes wrong, in percent of the steps

	clients modelClients
	ghost   ghost
}

func newWorld(seed uint64, m mistake) *world {
	rng := rand.New(rand.NewPCG(seed, 0x10c5))
	w := &world{
		rng: rng, mistake: m, logf: func(string, ...any) {}, now: time.Unix(0, 0),
		config: testConfig("c1", 2+rng.IntN(2)), disk: &coordinatorDisk{}, faults: rng.IntN(12),
		clients: newModelClients(),
	}
	w.ghost = newGhost(w.config.Shards())
	w.disk.log.append([]Record{Created{w.config}}, true)
	for i := range w.config.Shards() {
		s := &modelShard{world: w, identity: testIdentity(i)}
		w.shards = append(w.shards, s)
		s.start()
	}
	w.startCoordinator()
	return w
}

func (w *world) fail(format string, args ...any) {
	panic(violation(fmt.Sprintf(format, args...)))
}

func (w *world) trace(format string, args ...any) { w.logf(format, args...) }

// chance is true with the given percentage.
func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }

// act does one thing that can happen.
func (w *world) act() {
	if w.chance(w.faults) {
		w.fault()
		return
	}
	switch n := w.rng.IntN(100); {
	case n < 50:
		w.deliver()
	case n < 70:
		w.anyShard().finish()
	case n < 76:
		w.submit()
	case n < 84:
		w.comeBack(w.anyShard())
	case n < 90:
		w.tick(time.Duration(w.rng.IntN(40)) * time.Millisecond)
	case n < 94:
		w.anyShard().checkpoint()
	case n < 96:
		w.operate()
	default:
		w.keepHistory()
	}
}

func (w *world) fault() {
	switch n := w.rng.IntN(100); {
	case n < 35:
		w.cut()
	case n < 60:
		w.anyShard().crash()
	case n < 70:
		w.anyShard().fail()
	case n < 77:
		w.stopCoordinator()
	case n < 82:
		w.startCoordinator()
	case n < 86:
		w.tellDeposed()
	case n < 92:
		w.tick(time.Second)
	default:
		w.anyShard().obstruct()
	}
}

// comeBack starts what is down, and dials.
func (w *world) comeBack(s *modelShard) {
	switch {
	case len(w.coordinators) == 0:
		w.startCoordinator()
	case s.p == nil:
		s.start()
	default:
		w.dial(s)
	}
}

func (w *world) anyShard() *modelShard { return w.shards[w.rng.IntN(len(w.shards))] }

func (w *world) tick(d time.Duration) {
	w.now = w.now.Add(d)
	for _, c := range w.coordinators {
		w.pass(c, Tick{w.now})
	}
}

// settle stops the faults, and lets everything run to the end (invariant 7).
// Nobody waits with a deadline any more, so that every block must be decided.
func (w *world) settle() {
	w.trace("the faults stop")
	w.faults = 0
	if len(w.coordinators) == 0 || w.coordinators[len(w.coordinators)-1].epoch < w.disk.owner {
		w.startCoordinator()
	}
	w.tellDeposed()
	for _, s := range w.shards {
		if s.p == nil {
			s.start()
		}
		w.step(s, Obstructed{})
	}
	c := w.coordinators[0]
	for _, b := range c.c.blocks {
		b.deadline = time.Time{}
	}
	for range 400 {
		if w.settled() {
			return
		}
		w.round()
		w.check()
	}
	w.fail("invariant 7: no end after the faults have stopped: %s", w.describe())
}

// round lets everybody move once, in a fair order.
func (w *world) round() {
	w.tick(50 * time.Millisecond)
	for _, s := range w.shards {
		w.dial(s)
	}
	for range len(w.links) * 8 {
		w.deliver()
	}
	for _, s := range w.shards {
		for len(s.running) > 0 && s.finish() {
		}
	}
}

func (w *world) settled() bool {
	c := w.coordinators[0].c
	for _, s := range w.shards {
		if s.p.committed.Height() != c.height() || len(s.p.held) > 0 || !s.p.welcomed {
			return false
		}
	}
	return len(c.blocks) == 0
}

func (w *world) describe() string {
	p := printer{blocks: map[Digest]string{}}
	for _, c := range w.coordinators {
		p.coordinator(c.c.Status())
	}
	for _, s := range w.shards {
		p.participant(s.p.Status())
	}
	return p.take()
}
