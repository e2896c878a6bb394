package main

import (
	"testing"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzParse: a payload or a stored value is refused, or is the one spelling of what it
// means.
func FuzzParse(ff *testing.F) {
	f := fuzz.New(ff)
	for _, text := range []string{"restock apple=2", "reserve order-7 apple=2 pear=1", "cancel order-7 apple=2", "reserve  apple=1", "restock a=1 a=1", "restock a=00", "3/7"} {
		f.Add([]byte(text))
	}
	f.Bound(400, 1<<17)
	f.Fuzz(func(t testing.TB, payload []byte) {
		if o, ok := parse(payload); ok && o.String() != string(payload) {
			t.Fatalf("%q is read as %q", payload, o)
		}
		if s, ok := parseShelf(payload); ok && s.String() != string(payload) {
			t.Fatalf("%q is read as %q", payload, s)
		}
	})
}
