package raftsnap

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzHeader: nothing makes the decoder panic, and what it takes has exactly one
// form, and lengths that can be added up. The sum is made right, to get behind
// it.
func FuzzHeader(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add((&header{version: 1, kind: headAlone, index: 1, term: 1, headBytes: 5}).encode())
	f.Add((&header{version: 1, kind: withAppendix, index: 9, term: 2, appendixBytes: 1 << 40, configBytes: 70}).encode())
	f.Add(make([]byte, headerBytes))
	f.Add([]byte("LSRSNAP"))
	f.Bound(1<<7, 1<<17)
	f.Fuzz(func(t testing.TB, b []byte) {
		if len(b) >= headerBytes {
			b = bytes.Clone(b[:headerBytes])
			binary.BigEndian.PutUint32(b[72:], crc32.Checksum(b[:72], castagnoli))
		}
		h, err := decodeHeader(b)
		if err != nil {
			return
		}
		if !bytes.Equal(h.encode(), b) {
			t.Errorf("%x became %x", b, h.encode())
		}
		if h.contentBytes() < lengthBytes || h.content() < headerBytes {
			t.Errorf("%+v: content of %d bytes at %d", h, h.contentBytes(), h.content())
		}
	})
}
