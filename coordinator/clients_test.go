package coordinator

import (
	"sync"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

func TestWaitersGetOneAnswer(t *testing.T) {
	w := newWaiters()
	id, answers := w.enter(nil)
	other, none := w.enter(nil)
	w.Answer(protocol.Answer{Waiter: id, Verdict: protocol.VerdictAborted})
	w.Answer(protocol.Answer{Waiter: id, Verdict: protocol.VerdictCommitted}) // nobody waits any more
	w.leave(other)
	w.Answer(protocol.Answer{Waiter: other, Verdict: protocol.VerdictAborted})
	if a := <-answers; a.Verdict != protocol.VerdictAborted {
		t.Errorf("got %v", a)
	}
	if len(answers)+len(none) > 0 || len(w.waiting) > 0 {
		t.Error("there is more")
	}
}

// TestWaitersAreAbandonedForGood: also those that come later, or at the same
// time, are told that nobody knows.
func TestWaitersAreAbandonedForGood(t *testing.T) {
	w := newWaiters()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			id, answers := w.enter(nil)
			if a := receive(t, "an answer", answers); a.Waiter != id || a.Verdict != verdictUnknown || a.Reason != "the end" {
				t.Errorf("got %+v", a)
			}
		})
	}
	group.Go(func() { w.Abandon("the end") })
	group.Wait()
	if len(w.waiting) > 0 {
		t.Errorf("%d still wait", len(w.waiting))
	}
}
