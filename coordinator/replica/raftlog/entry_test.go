package raftlog

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// TestGoldenRecords: the bytes are those of the package documentation.
func TestGoldenRecords(t *testing.T) {
	e := &raft.Log{Index: 0x0102, Term: 0x0304, Type: raft.LogConfiguration, Data: []byte("data"),
		Extensions: []byte("ex"), AppendedAt: time.Unix(0x11223344, 0x0506)}
	for name, got := range map[string][]byte{
		"01050000000000020000000000000102000000000000030400000000112233440000050600000000" + "6578" + "64617461": appendEntry(nil, e),
		"01000000000000000000000000000a0b": encodeCut(0x0a0b),
	} {
		if hex.EncodeToString(got) != name {
			t.Errorf("got  %x\nwant %s", got, name)
		}
	}
}

// FuzzEntry: nothing makes the decoder panic, and what it takes has exactly one
// form.
func FuzzEntry(ff *testing.F) {
	f := fuzz.New(ff)
	for i := range uint64(4) {
		f.Add(appendEntry(nil, entry(i+1, i)))
	}
	f.Add(make([]byte, entryHeader))
	f.Add([]byte{1})
	f.Bound(1<<7, 1<<17)
	f.Fuzz(func(t testing.TB, b []byte) {
		e, err := decodeEntry(b)
		if err != nil {
			wantErr(t, err, ErrDamaged)
			return
		}
		if again := appendEntry(nil, &e); !bytes.Equal(again, b) {
			t.Errorf("%x became %x", b, again)
		}
	})
}
