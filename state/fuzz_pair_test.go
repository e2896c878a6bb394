package state

import (
	"bytes"
	"errors"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzUnseal: a stored value is given out only if it was stored under its key,
// and a meta record never gives a height that is not in it.
func FuzzUnseal(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add([]byte("key"), []byte("value"), true)
	f.Add([]byte("key"), appendSealed(nil, []byte("key"), []byte("value")), false)
	f.Add([]byte{}, []byte{}, false)
	f.Bound(1<<7, 1<<17)
	f.Fuzz(func(t testing.TB, key, stored []byte, sealed bool) {
		if sealed {
			value, err := unseal(key, appendSealed(nil, key, stored))
			if err != nil || !bytes.Equal(value, stored) {
				t.Fatalf("%x comes back as %x, %v", stored, value, err)
			}
		}
		value, err := unseal(key, stored)
		if err != nil {
			var damage *DamageError
			if !errors.As(err, &damage) || !bytes.Equal(damage.Key, key) || value != nil {
				t.Fatalf("error %v with value %x does not name key %x", err, value, key)
			}
			return
		}
		if !bytes.Equal(appendSealed(nil, key, value), stored) {
			t.Fatalf("%x was read from %x", value, stored)
		}
	})
}

// FuzzDecodeHeight: the short way to the height agrees with the long one.
func FuzzDecodeHeight(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(goldenCheckpoint().encode())
	f.Add([]byte{0, 1})
	f.Bound(1<<7, 1<<18)
	f.Fuzz(func(t testing.TB, record []byte) {
		h, err := decodeHeight(record)
		cp, whole := decodeCheckpoint(record)
		if whole == nil && (err != nil || h != cp.Committed.Attempt.Height) {
			t.Fatalf("height %d, %v, the record says %d", h, err, cp.Committed.Attempt.Height)
		}
	})
}
