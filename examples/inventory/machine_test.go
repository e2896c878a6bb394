package main

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/executor/machinetest"
	"github.com/lockstep-exec/lockstep/protocol"
)

// drawTransaction draws operations over few items and orders, so that they get into
// each other's way.
func drawTransaction(t *rapid.T) protocol.Transaction {
	o := operation{verb: rapid.SampledFrom([]string{restock, reserve, reserve, cancel}).Draw(t, "verb")}
	if o.verb != restock {
		o.order = rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "order")
	}
	for _, item := range []string{"apple", "fig", "pear"} {
		if count := rapid.Uint64Range(0, 3).Draw(t, item); count > 0 {
			o.lines = append(o.lines, line{item, count})
		}
	}
	if len(o.lines) == 0 {
		o.lines = []line{{"plum", mostStock}}
	}
	return o.transaction()
}

func TestMachineKeepsTheRules(t *testing.T) {
	machinetest.Check(t, Machine{}, rapid.Custom(drawTransaction), machinetest.Invariant(nothingIsOversold))
}

func TestOperations(t *testing.T) {
	warehouse := executor.NewSequential(Machine{}, protocol.DefaultLimits())
	for _, step := range []struct{ operation, outcome, apple string }{
		{"reserve 1 apple=1", outOfStock, ""},
		{"restock apple=3 pear=1", protocol.OutcomeApplied, "3/3"},
		{"reserve 1 apple=2 pear=1", protocol.OutcomeApplied, "1/3"},
		{"reserve 1 apple=1", orderExists, "1/3"},
		{"reserve 2 apple=1 pear=1", outOfStock, "1/3"}, // no apple is taken for want of a pear
		{"cancel 1 apple=2", orderHasOther, "1/3"},
		{"cancel 1 apple=2 pear=1", protocol.OutcomeApplied, "3/3"},
		{"cancel 1 apple=2 pear=1", noSuchOrder, "3/3"},
		{"restock apple=999999998", tooMuchStock, "3/3"},
	} {
		o, ok := parse([]byte(step.operation))
		if !ok {
			t.Fatalf("%q cannot be read", step.operation)
		}
		outcomes, err := warehouse.Execute([]protocol.Transaction{o.transaction()})
		if err != nil {
			t.Fatal(err)
		}
		apple, _ := warehouse.Get(stockKey("apple"))
		if outcomes.At(0) != step.outcome || string(apple) != step.apple {
			t.Errorf("%q: outcome %q, apples %s", step.operation, outcomes.At(0), apple)
		}
	}
}

func TestPayloadsHaveOneSpelling(t *testing.T) {
	for _, payload := range []string{
		"", "restock", "restock ", "restock apple", "restock apple=", "restock apple=0", "restock apple=01", "restock apple=-1",
		"restock apple=1 ", "restock  apple=1", "restock pear=1 apple=1", "restock apple=1 apple=1", "restock =1",
		"restock apple=1000000001", "reserve", "reserve 1", "reserve  apple=1", "destroy 1 apple=1", "RESTOCK apple=1",
	} {
		if o, ok := parse([]byte(payload)); ok {
			t.Errorf("%q is read as %v", payload, o)
		}
	}
}

// nothingIsOversold says of a whole state that for every item the free ones and those in
// orders are as many as ever came.
func nothingIsOversold(state map[string][]byte) error {
	w := newWarehouse()
	for key, value := range state {
		if err := w.add(key, value); err != nil {
			return err
		}
	}
	return w.oversold()
}
