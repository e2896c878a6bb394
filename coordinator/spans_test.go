package coordinator

import (
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Without a tracer a step costs what it cost before.
func TestNoTracerCostsNothing(t *testing.T) {
	var none *spans
	ev := submitted(1, "b")
	e := protocol.Effects{Send: make([]protocol.Envelope, 4), Notes: make([]protocol.Note, 4)}
	if n := testing.AllocsPerRun(100, func() {
		none.event(ev)
		none.decided(e.Decided, none.begins(e))
		none.ends(e)
	}); n > 0 || newSpans(nil) != nil {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkNoTracer(b *testing.B) {
	var none *spans
	ev := submitted(1, "b")
	e := protocol.Effects{Send: make([]protocol.Envelope, 4), Notes: make([]protocol.Note, 4)}
	for b.Loop() {
		none.event(ev)
		none.decided(e.Decided, none.begins(e))
		none.ends(e)
	}
}
