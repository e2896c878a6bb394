package raftsnap

import (
	"testing"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzParseName: an id is one only if a snapshot has it.
func FuzzParseName(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(name{1, 2, 3}.String())
	f.Add(name{1<<64 - 1, 1<<64 - 1, 1<<64 - 1}.String())
	f.Add("+1-2-3")
	f.Fuzz(func(t testing.TB, id string) {
		if n, ok := parseName(id); ok && n.String() != id {
			t.Fatalf("%q is read as %v", id, n)
		}
	})
}
