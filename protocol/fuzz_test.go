package protocol

import (
	"bytes"
	"slices"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// Every decoder below reads bytes from a disk or from the network. Whatever
// they are, it must not panic; and what it accepts is encoded the same again.

func FuzzDecodeBody(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(unhex(goldenBody))
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t testing.TB, b []byte) {
		if got, err := DecodeBody(b, DefaultLimits()); err == nil && !bytes.Equal(EncodeBody(got), b) {
			t.Fatalf("%x is encoded as %x", b, EncodeBody(got))
		}
	})
}

func FuzzDecodeSubBlock(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(unhex(goldenSubBlock))
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t testing.TB, b []byte) {
		if got, err := DecodeSubBlock(b, DefaultLimits()); err == nil && !bytes.Equal(EncodeSubBlock(got), b) {
			t.Fatalf("%x is encoded as %x", b, EncodeSubBlock(got))
		}
	})
}

func FuzzDecodeWrites(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(unhex(goldenWrites))
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t testing.TB, b []byte) {
		if got, err := DecodeWrites(b); err == nil && !bytes.Equal(EncodeWrites(got), b) {
			t.Fatalf("%x is encoded as %x", b, EncodeWrites(got))
		}
		compareIndexed(t, b)
	})
}

// compareIndexed: to index writes is to decode them, and all of them selected
// are what they were.
func compareIndexed(t testing.TB, b []byte) {
	want, err := DecodeWrites(b)
	got, indexErr := IndexEncodedWrites(b)
	if (err == nil) != (indexErr == nil) {
		t.Fatalf("%x: decoding gives %v, indexing %v", b, err, indexErr)
	}
	if err != nil {
		return
	}
	if got.Len() != len(want) {
		t.Fatalf("%x has %d writes, %d indexed", b, len(want), got.Len())
	}
	for i, w := range want {
		if !bytes.Equal(got.Key(i), w.Key) {
			t.Fatalf("%x: key %d is %x, indexed %x", b, i, w.Key, got.Key(i))
		}
	}
	same := SelectWrites(len(want), func(i int) (EncodedWrites, int) { return got, i })
	if !bytes.Equal(same.Bytes(), b) {
		t.Fatalf("%x selected gives %x", b, same.Bytes())
	}
}

// Outcomes have one more encoding than they need: a run may be written as two.
func FuzzDecodeOutcomes(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(unhex(goldenOutcomes))
	f.Add([]byte{0, 0, 0, 0, 0})
	f.Fuzz(func(t testing.TB, b []byte) {
		got, err := DecodeOutcomes(b, 1000)
		if err != nil {
			return
		}
		again, err := DecodeOutcomes(EncodeOutcomes(got), got.Len())
		if err != nil || !again.Equal(got) {
			t.Fatalf("%+v comes back as %+v, %v", got, again, err)
		}
		sum := 0
		for _, n := range got.Counts() {
			sum += n
		}
		if sum > got.Len() {
			t.Fatalf("%d outcomes of %d transactions", sum, got.Len())
		}
	})
}

func FuzzDecodeRecord(ff *testing.F) {
	f := fuzz.New(ff)
	for _, r := range goldenRecords() {
		f.Add(uint8(r.record.RecordType()), unhex(r.bytes))
	}
	f.Fuzz(func(t testing.TB, kind uint8, b []byte) {
		got, err := DecodeRecord(RecordType(kind), b)
		if err != nil {
			return
		}
		if got.RecordType() != RecordType(kind) {
			t.Fatalf("type %d comes back as type %d", kind, got.RecordType())
		}
		encoded := EncodeRecord(got)
		again, err := DecodeRecord(RecordType(kind), encoded)
		if err != nil || !bytes.Equal(EncodeRecord(again), encoded) {
			t.Fatalf("%+v comes back as %+v, %v", got, again, err)
		}
	})
}
