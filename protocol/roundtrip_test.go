package protocol

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func drawBytes(t *rapid.T, most int, label string) []byte {
	return rapid.SliceOfN(rapid.Byte(), 0, most).Draw(t, label)
}

func drawKey(t *rapid.T) []byte { return rapid.SliceOfN(rapid.Byte(), 1, 6).Draw(t, "key") }

func drawDigest(t *rapid.T) (d Digest) {
	copy(d[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
	return d
}

func drawAttempt(t *rapid.T) AttemptID {
	return AttemptID{Height(rapid.Uint64().Draw(t, "height")), Epoch(rapid.Uint64().Draw(t, "epoch")), rapid.Uint32().Draw(t, "attempt")}
}

func drawTransaction(t *rapid.T) Transaction {
	access := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Access {
		return Access{drawKey(t), Mode(rapid.IntRange(1, 3).Draw(t, "mode"))}
	}), 1, 6).Draw(t, "access")
	return NewTransaction(drawBytes(t, 20, "payload"), access)
}

func drawOutcomes(t *rapid.T) Outcomes {
	o := NewOutcomes(rapid.IntRange(0, 40).Draw(t, "transactions"))
	names := []string{"", OutcomeApplied, OutcomeInvalid, "insufficient_funds", "overflow"}
	for i := range o.Codes {
		if name := rapid.SampledFrom(names).Draw(t, "outcome"); name != "" {
			if err := o.Set(i, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	return o
}

func TestBodyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(drawTransaction), 0, 8).Draw(t, "transactions")
		body := EncodeBody(want)
		got, err := DecodeBody(body, DefaultLimits())
		if err != nil || len(got) != len(want) {
			t.Fatalf("got %d of %d, %v", len(got), len(want), err)
		}
		for i := range want {
			if !bytes.Equal(got[i].Payload, want[i].Payload) || !sameAccess(got[i].Access, want[i].Access) || got[i].EncodedLen() != want[i].EncodedLen() {
				t.Fatalf("transaction %d: got %+v, want %+v", i, got[i], want[i])
			}
		}
		if !bytes.Equal(EncodeBody(got), body) {
			t.Fatal("decoded transactions are encoded otherwise")
		}
	})
}

func sameAccess(a, b []Access) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i].Key, b[i].Key) || a[i].Mode != b[i].Mode {
			return false
		}
	}
	return true
}

// TestSubBlockOfBody: transactions travel from the body into sub-blocks
// without being written anew.
func TestSubBlockOfBody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := EncodeBody(rapid.SliceOfN(rapid.Custom(drawTransaction), 0, 8).Draw(t, "transactions"))
		transactions, err := DecodeBody(body, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		var want SubBlock
		for i, tx := range transactions {
			if rapid.Bool().Draw(t, "here") {
				want = append(want, SubTransaction{uint32(i), tx})
			}
		}
		encoded := EncodeSubBlock(want)
		got, err := DecodeSubBlock(encoded, DefaultLimits())
		if err != nil || len(got) != len(want) || !reflect.DeepEqual(got.Indexes(), want.Indexes()) {
			t.Fatalf("got %v, %v, want %v", got.Indexes(), err, want.Indexes())
		}
		if !bytes.Equal(EncodeSubBlock(got), encoded) {
			t.Fatal("decoded sub-block is encoded otherwise")
		}
	})
}

func TestWritesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfNDistinct(rapid.StringN(1, 6, 6), 0, 10, rapid.ID[string]).Draw(t, "keys")
		var want []WriteOp
		for _, k := range sorted(keys) {
			op := WriteOp{Key: []byte(k), Delete: rapid.Bool().Draw(t, "delete")}
			if !op.Delete {
				op.Value = drawBytes(t, 10, "value")
			}
			want = append(want, op)
		}
		got, err := DecodeWrites(EncodeWrites(want))
		if err != nil || len(got) != len(want) {
			t.Fatalf("got %d of %d, %v", len(got), len(want), err)
		}
		for i, w := range want {
			if g := got[i]; !bytes.Equal(g.Key, w.Key) || !bytes.Equal(g.Value, w.Value) || g.Delete != w.Delete {
				t.Fatalf("write %d: got %+v, want %+v", i, g, w)
			}
		}
	})
}

func TestOutcomesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawOutcomes(t)
		got, err := DecodeOutcomes(EncodeOutcomes(want), want.Len())
		if err != nil || !got.Equal(want) {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, want := range []Record{
			&Prepared{Attempt: drawAttempt(t), Parent: drawAttempt(t), Block: drawDigest(t), Digest: drawDigest(t), Outcomes: drawOutcomes(t),
				Writes: drawBytes(t, 20, "writes"), Pushed: drawBytes(t, 20, "pushed"), UnixMillis: rapid.Uint64().Draw(t, "time")},
			CommittedRecord{Committed{drawAttempt(t), drawDigest(t), drawDigest(t)}},
			&Proposed{Height: Height(rapid.Uint64().Draw(t, "height")), Epoch: Epoch(rapid.Uint64().Draw(t, "epoch")),
				Key: rapid.String().Draw(t, "key"), After: rapid.String().Draw(t, "after"), Block: drawDigest(t), Body: drawBytes(t, 40, "body")},
			&Decision{Attempt: drawAttempt(t), Parent: drawAttempt(t), Key: rapid.String().Draw(t, "key"), Block: drawDigest(t),
				Digests: rapid.SliceOfN(rapid.Custom(drawDigest), 1, 4).Draw(t, "digests"), Root: drawDigest(t), Outcomes: drawOutcomes(t)},
			Withdrawn{Height(rapid.Uint64().Draw(t, "height")), rapid.String().Draw(t, "key")},
			&Resolved{Height: Height(rapid.Uint64().Draw(t, "height")), Attempt: drawAttempt(t), Key: rapid.String().Draw(t, "key"),
				Action: ResolveAction(rapid.Uint8().Draw(t, "action")), By: rapid.String().Draw(t, "by"), Comment: rapid.String().Draw(t, "comment"),
				Evidence: drawDigest(t), What: rapid.String().Draw(t, "what"), UnixMillis: rapid.Uint64().Draw(t, "time")},
		} {
			encoded := EncodeRecord(want)
			got, err := DecodeRecord(want.RecordType(), encoded)
			if err != nil || !bytes.Equal(EncodeRecord(got), encoded) {
				t.Fatalf("%T: got %+v, %v, want %+v", want, got, err, want)
			}
		}
	})
}

func TestConfigRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := testConfig("c", rapid.IntRange(1, MaxShards).Draw(t, "shards"))
		want.Limits.KeyBytes = rapid.IntRange(1, 32<<10).Draw(t, "key limit")
		got, err := DecodeConfig(want.Encode())
		if err != nil || !got.Equal(want) || got.Shards() != want.Shards() {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
}
