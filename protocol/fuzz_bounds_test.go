package protocol

import (
	"bytes"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

func FuzzDecodeConfig(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(fuzzConfig.Encode())
	f.Fuzz(func(t testing.TB, b []byte) {
		got, err := DecodeConfig(b)
		if err == nil && !bytes.Equal(got.Encode(), b) {
			t.Fatalf("%x is encoded as %x", b, got.Encode())
		}
	})
}

// decoders are all that read bytes from outside, by the number that picks them.
func decoders() []func([]byte) error {
	list := []func([]byte) error{
		func(b []byte) error { _, err := DecodeBody(b, DefaultLimits()); return err },
		func(b []byte) error { _, err := DecodeSubBlock(b, DefaultLimits()); return err },
		func(b []byte) error { _, err := DecodeWrites(b); return err },
		func(b []byte) error { _, err := DecodeOutcomes(b, maxRecordTransactions); return err },
		func(b []byte) error { _, err := DecodeConfig(b); return err },
	}
	for _, r := range goldenRecords() {
		kind := r.record.RecordType()
		list = append(list, func(b []byte) error { _, err := DecodeRecord(kind, b); return err })
	}
	return list
}

// FuzzDecodersAllocateWithinBounds: no length that the bytes claim is believed
// before they are there. The constant has room for the outcomes of the largest
// block, which take a few bytes.
func FuzzDecodersAllocateWithinBounds(ff *testing.F) {
	f := fuzz.New(ff)
	all := decoders()
	f.Bound(64, 4<<20)
	for i, b := range []string{goldenBody, goldenSubBlock, goldenWrites, goldenOutcomes} {
		f.Add(uint8(i), unhex(b))
	}
	for i, r := range goldenRecords() {
		f.Add(uint8(len(all)-len(goldenRecords())+i), unhex(r.bytes))
	}
	f.Add(uint8(3), []byte{1, 1, 'a', 0, 15, 66, 64, 1, 0, 15, 66, 64}) // a million outcomes
	f.Fuzz(func(t testing.TB, pick uint8, b []byte) {
		_ = all[int(pick)%len(all)](b)
	})
}
