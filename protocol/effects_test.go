package protocol

import (
	"fmt"
	"testing"
)

func at(h Height, n uint32) AttemptID { return AttemptID{h, 1, n} }

func executes(all []*Execute) string {
	s := ""
	for _, x := range all {
		s += x.Attempt.String() + " "
	}
	return s
}

// TestJoinTakesExecutesBack: drops are carried out before executions, so a drop
// of a later step must take back what an earlier one asked for, and must not
// touch what is asked for with it or after it.
func TestJoinTakesExecutesBack(t *testing.T) {
	var e Effects
	e.Join(Effects{Execute: []*Execute{{Attempt: at(4, 1)}}})
	e.Join(Effects{Execute: []*Execute{{Attempt: at(5, 1)}, {Attempt: at(6, 1)}}})
	e.Join(Effects{Drop: []AttemptID{at(5, 1)}, Execute: []*Execute{{Attempt: at(5, 2)}}})
	e.Join(Effects{Execute: []*Execute{{Attempt: at(6, 2)}}})
	if got := executes(e.Execute); got != "4/1.1 5/1.2 6/1.2 " {
		t.Fatal(got)
	}
	e.Join(Effects{Drop: []AttemptID{at(6, 2), at(4, 1)}})
	if got := executes(e.Execute); got != "" || fmt.Sprint(e.Drop) != "[5/1.1 6/1.2 4/1.1]" {
		t.Fatal(got, e.Drop)
	}
}

// TestJoinKeepsOrder: each list keeps the order of the steps, one force stands
// for all, and the first reason to step down is kept.
func TestJoinKeepsOrder(t *testing.T) {
	step := func(n int, force bool, down string) Effects {
		return Effects{
			Persist: []Record{EpochSeen{Epoch(n)}}, Force: force, Apply: []Committed{{Attempt: at(Height(n), 1)}},
			Decided: []*Decision{{Attempt: at(Height(n), 1)}}, Send: []Envelope{{Session: Session(n)}}, Answer: []Answer{{Waiter: Waiter(n)}},
			Close: []Close{{Session: Session(n)}}, Notes: []Note{{Text: fmt.Sprint(n)}}, StepDown: down,
		}
	}
	e := step(1, false, "")
	e.Join(step(2, true, "fenced"))
	e.Join(step(3, false, "another reason"))
	if !e.Force || e.StepDown != "fenced" {
		t.Fatal(e.Force, e.StepDown)
	}
	for i := range 3 {
		n := i + 1
		if e.Persist[i] != (EpochSeen{Epoch(n)}) || e.Apply[i].Attempt.Height != Height(n) || e.Decided[i].Height() != Height(n) ||
			e.Send[i].Session != Session(n) || e.Answer[i].Waiter != Waiter(n) || e.Close[i].Session != Session(n) || e.Notes[i].Text != fmt.Sprint(n) {
			t.Fatalf("step %d is out of order: %+v", n, e)
		}
	}
}

// TestJoinOfABatch: an Execute and the Abort of it in one batch start nothing.
func TestJoinOfABatch(t *testing.T) {
	p := NewParticipant(testIdentity(0), ShardState{Config: testConfig("c1", 2), Epoch: 1})
	var all Effects
	for _, ev := range []Event{
		Opened{1},
		Received{Envelope{1, 1, &Welcome{Config: testConfig("c1", 2)}}},
		Received{Envelope{1, 1, &Execute{Attempt: at(1, 1)}}},
		Received{Envelope{1, 1, &Execute{Attempt: at(2, 1), Parent: at(1, 1)}}},
		Received{Envelope{1, 1, Abort{at(1, 1)}}},
		Received{Envelope{1, 1, &Execute{Attempt: at(1, 2)}}},
	} {
		e, err := p.Step(ev)
		if err != nil {
			t.Fatal(err)
		}
		all.Join(e)
	}
	if got := executes(all.Execute); got != "1/1.2 " {
		t.Fatal(got)
	}
}
