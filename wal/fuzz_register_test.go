package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzCurrentSlot: a register that holds anything gives the newest sound slot,
// and no other; so does one whose sums were made right.
func FuzzCurrentSlot(ff *testing.F) {
	f := fuzz.New(ff)
	older, newer := slot{id: ID{1}, generation: 4, value: 7}.encode(markKind), slot{id: ID{1}, generation: 5, value: 8}.encode(markKind)
	f.Add(older, newer, false)
	f.Add(newer, older[:slotBytes-1], false)
	f.Add(slot{generation: 1, value: 1}.encode(metaKind), []byte{}, true)
	f.Add([]byte{}, newer, false)
	f.Bound(1<<7, 1<<17)
	f.Fuzz(func(t testing.TB, first, second []byte, forged bool) {
		if forged {
			forge(first)
			forge(second)
		}
		b := append([]byte{}, first[:min(len(first), slotStride)]...)
		if len(second) > 0 {
			b = append(append(b, make([]byte, slotStride-len(b))...), second...)
		}
		for _, k := range []kind{metaKind, markKind} {
			s, err := currentSlot(b, k)
			if err != nil {
				if !errors.Is(err, errSlot) && !errors.Is(err, ErrFormat) || s != (slot{}) {
					t.Fatalf("got %+v, %v", s, err)
				}
				continue
			}
			checkNewest(t, b, k, s)
		}
	})
}

// forge gives a slot a kind, a version and a checksum that fit.
func forge(s []byte) {
	if len(s) < slotBytes {
		return
	}
	copy(s, markKind[:])
	s[7] = registerVersion
	binary.BigEndian.PutUint32(s[40:], checksum(s[:40]))
}

func checkNewest(t testing.TB, b []byte, k kind, s slot) {
	found := false
	for _, at := range []int{0, slotStride} {
		other, err := decodeSlot(b[min(at, len(b)):], k)
		if err != nil {
			continue
		}
		if !bytes.Equal(other.encode(k), b[at:at+slotBytes]) {
			t.Fatalf("%+v was read from %x", other, b[at:at+slotBytes])
		}
		if other.generation > s.generation {
			t.Fatalf("%+v was taken, %+v is newer", s, other)
		}
		found = found || other == s
	}
	if !found {
		t.Fatalf("%+v is in no slot", s)
	}
}

// FuzzParseSegmentName: a name is one of a segment only if the segment has it.
func FuzzParseSegmentName(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(segmentName(1))
	f.Add(segmentName(1<<64-1) + ".END")
	f.Add("00000000000000000000")
	f.Add("+0000000000000000001")
	f.Fuzz(func(t testing.TB, name string) {
		first, suffix, ok := parseSegmentName(name)
		if ok && segmentName(first)+suffix != name {
			t.Fatalf("%q is read as %d and %q", name, first, suffix)
		}
		if isTemp(name) && !strings.HasSuffix(name, tempSuffix) {
			t.Fatalf("%q is taken for a copy that is not complete", name)
		}
	})
}
