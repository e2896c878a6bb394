package executor

import (
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Without a tracer a step costs what it cost before.
func TestNoTracerCostsNothing(t *testing.T) {
	var none *spans
	e := protocol.Effects{Persist: make([]protocol.Record, 1), Execute: make([]*protocol.Execute, 1)}
	var ev protocol.Event = protocol.Executed{}
	var vote protocol.Message = &protocol.Vote{}
	if n := testing.AllocsPerRun(100, func() {
		none.event(ev)
		none.forced(e.Persist, none.now())
		none.voted(vote)
		none.executing(e.Execute)
		none.committed(protocol.AttemptID{}, none.now())
	}); n > 0 || newSpans(nil, 1, fixedNow) != nil {
		t.Errorf("%v allocations", n)
	}
}
