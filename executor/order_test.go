package executor

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Keys of few different bytes, so that many are the beginning of another, begin
// alike or differ only behind the bytes that are compared first.
func TestInOrderIsAscending(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringOfN(rapid.RuneFrom([]rune("\x00ab")), 1, 24, -1), rapid.ID).Draw(t, "keys")
		start := rapid.SampledFrom([]string{"", "a", "account/0"}).Draw(t, "start")
		var g graph
		var keys []int32
		var want, got []string
		for i, name := range names {
			g.keys = append(g.keys, localKey{key: []byte(start + name)})
			keys, want = append(keys, int32(i)), append(want, start+name)
		}
		slices.Sort(want)
		for _, k := range g.inOrder(keys) {
			got = append(got, string(g.keys[k].key))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
