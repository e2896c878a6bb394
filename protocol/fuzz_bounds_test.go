package protocol

import (
	"bytes"
	"runtime/metrics"
	"testing"
)

func FuzzDecodeConfig(f *testing.F) {
	f.Add(fuzzConfig.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
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
// block, which take a few bytes, and for what else the process allocates
// meanwhile.
func FuzzDecodersAllocateWithinBounds(f *testing.F) {
	all := decoders()
	for i, b := range []string{goldenBody, goldenSubBlock, goldenWrites, goldenOutcomes} {
		f.Add(uint8(i), unhex(b))
	}
	for i, r := range goldenRecords() {
		f.Add(uint8(len(all)-len(goldenRecords())+i), unhex(r.bytes))
	}
	f.Add(uint8(3), []byte{1, 1, 'a', 0, 15, 66, 64, 1, 0, 15, 66, 64}) // a million outcomes
	f.Fuzz(func(t *testing.T, pick uint8, b []byte) {
		decode := all[int(pick)%len(all)]
		before := allocated()
		err := decode(b)
		if bytes, most := allocated()-before, uint64(4<<20+64*len(b)); bytes > most {
			t.Fatalf("decoder %d takes %d bytes for an input of %d, want at most %d (%v)", int(pick)%len(all), bytes, len(b), most, err)
		}
	})
}

// allocated is how many bytes the process has allocated so far. Large slices
// count at once.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
