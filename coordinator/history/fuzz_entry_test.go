package history

import (
	"bytes"
	"errors"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzDecodeDecision: the stored form of a decision, with or without a checksum
// that fits, is refused as damage, or is a decision for its height that can be
// stored again.
func FuzzDecodeDecision(ff *testing.F) {
	f := fuzz.New(ff)
	d := chain(2)[1]
	record := protocol.EncodeRecord(d)
	f.Add(uint64(2), record, true)
	f.Add(uint64(3), record, true)
	f.Add(uint64(2), seal(heightBytes(2), record), false)
	f.Add(uint64(0), []byte{}, false)
	f.Bound(1<<9, 1<<20)
	f.Fuzz(func(t testing.TB, height uint64, stored []byte, sealed bool) {
		h := protocol.Height(height)
		if sealed {
			stored = seal(heightBytes(h), stored)
		}
		got, err := decodeDecision(h, stored)
		if err != nil {
			wantDamage(t, err)
			return
		}
		again, err := decodeDecision(h, seal(heightBytes(h), protocol.EncodeRecord(got)))
		if err != nil || !bytes.Equal(protocol.EncodeRecord(again), protocol.EncodeRecord(got)) || got.Height() != h {
			t.Fatalf("%+v at height %d comes back as %+v, %v", got, h, again, err)
		}
	})
}

// FuzzDecodeIndex: an entry of the key index leads to the height that was
// stored for that key, or is refused as damage.
func FuzzDecodeIndex(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add([]byte("key"), heightBytes(7), true)
	f.Add([]byte("key"), []byte("short"), true)
	f.Add([]byte("key"), seal([]byte("kez"), heightBytes(7)), false)
	f.Bound(1<<7, 1<<17)
	f.Fuzz(func(t testing.TB, key, stored []byte, sealed bool) {
		if sealed {
			stored = seal(key, stored)
		}
		h, err := decodeIndex(key, stored)
		if err != nil {
			wantDamage(t, err)
			return
		}
		if !bytes.Equal(seal(key, heightBytes(h)), stored) {
			t.Fatalf("%x under %x is read as height %d", stored, key, h)
		}
	})
}

func wantDamage(t testing.TB, err error) {
	t.Helper()
	var damage *DamageError
	if !errors.As(err, &damage) || !errors.Is(err, ErrDamaged) {
		t.Fatalf("an error of no kind: %v", err)
	}
}
