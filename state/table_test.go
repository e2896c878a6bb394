package state

import (
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

func TestTableGetsBetweenHeights(t *testing.T) {
	table := newTable()
	for _, h := range []protocol.Height{3, 5, 6} {
		table.push(h, []protocol.WriteOp{put("a", string(rune('0'+h)))})
	}
	for _, test := range []struct {
		above, asOf protocol.Height
		want        string
	}{
		{0, 2, ""}, {0, 3, "3"}, {3, 4, ""}, {2, 4, "3"}, {4, 5, "5"}, {0, 9, "6"}, {6, 9, ""}, {5, 5, ""},
	} {
		v, ok := table.get([]byte("a"), test.above, test.asOf)
		if got := string(v.value); ok != (test.want != "") || ok && got != test.want {
			t.Errorf("above %d, as of %d: %q (%t), want %q", test.above, test.asOf, got, ok, test.want)
		}
	}
	if _, ok := table.get([]byte("b"), 0, 9); ok {
		t.Error("a key that was never written has a version")
	}
}
