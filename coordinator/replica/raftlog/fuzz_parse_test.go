package raftlog

import (
	"bytes"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
	"github.com/lockstep-exec/lockstep/wal"
)

// FuzzParse: a record of any type is refused as damage, or is the one form of an
// entry or a cut.
func FuzzParse(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add(uint8(entryRecord), appendEntry(nil, entry(1, 2)))
	f.Add(uint8(cutRecord), encodeCut(7))
	f.Add(uint8(0), []byte{})
	f.Bound(64, 1<<16)
	f.Fuzz(func(t testing.TB, kind uint8, b []byte) {
		e, cut, err := Parse(wal.Record{Type: kind, Data: b})
		if err != nil {
			wantErr(t, err, ErrDamaged)
			return
		}
		again := encodeCut(cut)
		if e != nil {
			again = appendEntry(nil, e)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("%x of type %d became %x", b, kind, again)
		}
	})
}
