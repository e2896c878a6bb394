package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/protocol"
)

// lazyDecisions forgets to force.
type lazyDecisions struct{ coordinator.DecisionLog }

func (l lazyDecisions) Append(records []protocol.Record, force bool) error {
	for _, r := range records {
		if _, decision := r.(*protocol.Decision); decision {
			force = false
		}
	}
	return l.DecisionLog.Append(records, force)
}

// found runs seeds until one fails.
func found(t *testing.T, o Options) Result {
	t.Helper()
	for seed := range uint64(200) {
		r, err := Run(seed, o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Failure != nil {
			return r
		}
	}
	t.Fatal("the mistake was not found")
	return Result{}
}

// TestShrink: the smaller history breaks the same, with less.
func TestShrink(t *testing.T) {
	o := Options{Wraps: Wraps{DecisionLog: func(_ Place, l coordinator.DecisionLog) coordinator.DecisionLog { return lazyDecisions{l} }}}
	r := found(t, o)
	small := Shrink(r.Seed, o, r.Failure, 20*time.Second)
	again, err := Run(r.Seed, small)
	if err != nil {
		t.Fatal(err)
	}
	if again.Failure == nil || again.Failure.Invariant != r.Failure.Invariant {
		t.Fatalf("%s\ngives %v, want %v", Command(r.Seed, small), again.Failure, r.Failure)
	}
	if again.Steps > r.Steps || small.Without == 0 {
		t.Errorf("%s\nhas %d steps, the first history %d", Command(r.Seed, small), again.Steps, r.Steps)
	}
}

func TestCommandLine(t *testing.T) {
	o := Options{Skip: map[int]bool{1: true, 3: true, 4: true, 5: true}, Without: Of(Takeover, ShardCrash)}
	const want = "go test ./tests/sim -v -count=1 -run TestSeeds -sim.trace -sim.seeds=1 -sim.seed=7 -sim.without=shard-crash,takeover -sim.skip=1,3-5"
	if got := Command(7, o); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	skip, err := ParseOrdinals("1,3-5")
	if err != nil || len(skip) != 4 || !skip[1] || !skip[4] {
		t.Errorf("got %v, %v", skip, err)
	}
	for _, test := range []struct {
		without Faults
		want    string
	}{{AllFaults, " -sim.only=none"}, {AllFaults &^ Of(Takeover), " -sim.only=takeover"}} {
		if got := Command(7, Options{Without: test.without}); !strings.HasSuffix(got, test.want) {
			t.Errorf("got %s, want %s at its end", got, test.want)
		}
	}
	if without, err := ParseFaults(o.Without.String()); err != nil || without != o.Without {
		t.Errorf("got %v, %v", without, err)
	}
	if set, err := ParseFaults(AllFaults.String()); err != nil || set != AllFaults {
		t.Errorf("got %v, %v", set, err)
	}
	for _, wrong := range []string{"a", "1-", "x-3"} {
		if _, err := ParseOrdinals(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
	if _, err := ParseFaults("fire"); err == nil {
		t.Error("an unknown kind is taken")
	}
}
