package state

import (
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
)

func TestTableGetsBetweenHeights(t *testing.T) {
	table := newTable()
	for h := protocol.Height(3); h <= 6; h++ {
		key := "a"
		if h == 4 {
			key = "c"
		}
		l, err := newLayer(h, []protocol.WriteOp{put(key, string(rune('0'+h)))})
		must(t, err)
		table.push(l)
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

// Keys that share a hash share a chain, and must not be taken for each other.
func TestTableKeepsKeysOfOneHashApart(t *testing.T) {
	table := newTable()
	table.hash = func([]byte) uint64 { return 7 }
	var pushed []*layer
	push := func(writes ...protocol.WriteOp) {
		l, err := newLayer(protocol.Height(len(pushed)+1), writes)
		must(t, err)
		table.push(l)
		pushed = append(pushed, l)
	}
	want := func(asOf protocol.Height, values map[string]string) {
		t.Helper()
		for _, key := range []string{"a", "b", "c"} {
			v, ok := table.get([]byte(key), 0, asOf)
			if value, has := values[key]; ok != has || string(v.value) != value {
				t.Errorf("%s as of height %d is %q (%t), want %q (%t)", key, asOf, v.value, ok, value, has)
			}
		}
	}
	push(put("a", "1"), put("b", "1"))
	push(put("a", "2"), put("c", "2"))
	push(put("b", "3"))
	want(1, map[string]string{"a": "1", "b": "1"})
	want(2, map[string]string{"a": "2", "b": "1", "c": "2"})
	want(3, map[string]string{"a": "2", "b": "3", "c": "2"})
	table.popNewest(pushed[2])
	want(3, map[string]string{"a": "2", "b": "1", "c": "2"})
	table.popOldest(1)
	want(3, map[string]string{"a": "2", "c": "2"})
	table.popNewest(pushed[1])
	want(3, nil)
	if n := table.keyCount(); n != 0 {
		t.Errorf("%d keys in an empty table", n)
	}
}

// What popNewest brings back must not be what popOldest has cut.
func TestTableDropsOverAPrunedVersion(t *testing.T) {
	table := newTable()
	var pushed []*layer
	for h := range protocol.Height(2) {
		l, err := newLayer(h+1, []protocol.WriteOp{put("a", "x")})
		must(t, err)
		table.push(l)
		pushed = append(pushed, l)
	}
	table.popOldest(1)
	table.popNewest(pushed[1])
	if n := table.keyCount(); n != 0 {
		t.Errorf("%d keys in an empty table", n)
	}
}
