package protocol

import (
	"fmt"
	"strings"
	"testing"
)

func TestOutcomes(t *testing.T) {
	o := NewOutcomes(4)
	for i, name := range []string{OutcomeApplied, "overflow", OutcomeApplied} {
		if err := o.Set(i, name); err != nil {
			t.Fatal(err)
		}
	}
	if o.Len() != 4 || o.At(1) != "overflow" || o.At(3) != "" {
		t.Fatalf("%+v", o)
	}
	counts := o.Counts()
	if fmt.Sprint(counts) != "map[applied:2 overflow:1]" || fmt.Sprint(SortedCounts(counts)) != "[applied overflow]" {
		t.Fatal(counts)
	}
	// What occurred before and was overwritten does not count.
	if err := o.Set(1, OutcomeApplied); err != nil || fmt.Sprint(o.Counts()) != "map[applied:3]" {
		t.Fatal(o.Counts(), err)
	}
}

// TestOutcomesEqual: what counts is the outcome of each transaction, not the
// order in which the names came up.
func TestOutcomesEqual(t *testing.T) {
	a := Outcomes{Names: []string{"x", "y"}, Codes: []uint8{1, 2, 0}}
	b := Outcomes{Names: []string{"y", "z", "x"}, Codes: []uint8{3, 1, 0}}
	if !a.Equal(b) || !b.Equal(a) || !(Outcomes{}).Equal(NewOutcomes(0)) {
		t.Fatal("equal outcomes differ")
	}
	for _, other := range []Outcomes{{}, NewOutcomes(3), {Names: a.Names, Codes: []uint8{1, 2}}, {Names: a.Names, Codes: []uint8{1, 1, 0}}} {
		if a.Equal(other) {
			t.Errorf("equals %+v", other)
		}
	}
}

func TestOutcomesLimits(t *testing.T) {
	o := NewOutcomes(300)
	if o.Set(0, "") == nil || o.Set(0, strings.Repeat("x", 65)) == nil {
		t.Fatal("a name that no record can hold is accepted")
	}
	for i := range 255 {
		if err := o.Set(i, fmt.Sprintf("outcome%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if o.Set(255, "one more") == nil {
		t.Fatal("256 names are accepted")
	}
	if err := o.Set(299, "outcome254"); err != nil {
		t.Fatal(err)
	}
	got, err := DecodeOutcomes(EncodeOutcomes(o), 300)
	if err != nil || !got.Equal(o) {
		t.Fatal(err)
	}
}
