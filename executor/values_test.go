package executor

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

func listValues(b []byte) (list []string, err error) {
	err = eachValue(b, func(index uint32, key int, value []byte, present bool) error {
		list = append(list, fmt.Sprintf("%d.%d=%q %v", index, key, value, present))
		return nil
	})
	return list, err
}

func TestValuesRoundTrip(t *testing.T) {
	var b []byte
	b = appendValue(b, 7, 3, []byte("value"), true)
	b = appendValue(b, 8, 0, nil, false)
	b = appendValue(b, 1<<31, 65535, []byte{}, true)
	b = appendValue(b, 9, 1, []byte("ignored"), false)
	got, err := listValues(b)
	want := []string{`7.3="value" true`, `8.0="" false`, `2147483648.65535="" true`, `9.1="" false`}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestValuesThatAreCutAreRefused(t *testing.T) {
	b := appendValue(appendValue(nil, 1, 0, []byte("abc"), true), 2, 0, nil, false)
	whole := map[int]bool{0: true, 13: true, len(b): true}
	for n := range len(b) + 1 {
		if _, err := listValues(b[:n]); (err == nil) != whole[n] {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

func TestPushedRoundTrip(t *testing.T) {
	byShard := [][]byte{nil, []byte("one"), {}, []byte("three")}
	b := encodePushed(byShard)
	var got []string
	err := eachPushed(b, func(s protocol.ShardID, values []byte) { got = append(got, fmt.Sprintf("%d:%s", s, values)) })
	if err != nil || !slices.Equal(got, []string{"1:one", "3:three"}) {
		t.Errorf("got %q, %v", got, err)
	}
	if encodePushed(make([][]byte, 4)) != nil {
		t.Error("nothing pushed is not nothing encoded")
	}
	whole := map[int]bool{0: true, 11: true, len(b): true}
	for n := range len(b) + 1 {
		if err := eachPushed(b[:n], func(protocol.ShardID, []byte) {}); (err == nil) != whole[n] {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

func TestSplitValuesCutsBetweenValues(t *testing.T) {
	var b []byte
	for i := range uint32(50) {
		b = appendValue(b, i, 0, bytes.Repeat([]byte{1}, int(i)), i%7 != 0)
	}
	for _, most := range []int{1, 10, 11, 64, 1000, len(b), len(b) + 1} {
		pieces := SplitValues(b, most)
		if !bytes.Equal(bytes.Join(pieces, nil), b) {
			t.Fatalf("at %d the pieces are not the whole", most)
		}
		for _, p := range pieces {
			if _, err := listValues(p); err != nil {
				t.Errorf("at %d a piece is cut within a value: %v", most, err)
			}
			if len(p) >= most+10+50 {
				t.Errorf("at %d a piece has %d bytes", most, len(p))
			}
		}
	}
	if SplitValues(nil, 10) != nil {
		t.Error("nothing was split into something")
	}
}

func FuzzValues(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(appendValue(nil, 1, 2, []byte("v"), true))
	f.Add(appendValue(nil, 1, 2, nil, false))
	f.Add([]byte("\x00\x00\x00\x01\x00\x00\x00\x00\x00\x05abc"))
	f.Bound(1<<8, 1<<17)
	f.Fuzz(func(t testing.TB, b []byte) {
		var again []byte
		err := eachValue(b, func(index uint32, key int, value []byte, present bool) error {
			again = appendValue(again, index, key, value, present)
			return nil
		})
		if err == nil && !bytes.Equal(again, b) {
			t.Errorf("%x was read as %x", b, again)
		}
		if err == nil && !bytes.Equal(bytes.Join(SplitValues(b, 16), nil), b) {
			t.Error("split into something else")
		}
	})
}

func FuzzPushed(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(encodePushed([][]byte{[]byte("a"), nil, []byte("bc")}))
	f.Bound(1<<7, 1<<17)
	f.Fuzz(func(t testing.TB, b []byte) {
		n := 0
		if err := eachPushed(b, func(_ protocol.ShardID, values []byte) { n += 8 + len(values) }); err == nil && n != len(b) {
			t.Errorf("%d bytes of %d were read", n, len(b))
		}
	})
}
