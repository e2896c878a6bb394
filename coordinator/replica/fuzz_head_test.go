package replica

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzHead: the head of a snapshot, with a checksum that fits or without, is refused
// as damage, or is a state that is written and read again as the same.
func FuzzHead(ff *testing.F) {
	f := fuzz.New(ff)
	body := protocol.EncodeBody([]protocol.Transaction{protocol.NewTransaction([]byte("pay"), []protocol.Access{{Key: []byte("a"), Mode: protocol.ReadWrite}})})
	decided := &protocol.Decision{Attempt: protocol.AttemptID{Height: 4, Epoch: 3, Attempt: 1}, Key: "d", Digests: make([]protocol.Digest, 1), Outcomes: protocol.NewOutcomes(1)}
	full := State{
		DecisionLog: protocol.DecisionLog{
			Config: oneShard, Epoch: 3, Joined: map[protocol.ShardID]protocol.DirectoryID{0: {1}}, Decided: decided,
			Recent: []*protocol.Decision{decided}, Pending: []*protocol.Proposed{{Height: 5, Key: "k", Body: body}},
		},
		Mark: Mark{3, 9}, Needed: 4, Enrolled: map[string]protocol.DirectoryID{"c1": {2}, "c2": {3}},
	}
	resolved := full
	resolved.Resolved = []*protocol.Resolved{{Key: "k"}}
	for _, s := range []State{{}, full, resolved} {
		b := encodeHead(s, 77)
		f.Add(b, false)
		f.Add(b, true)
	}
	f.Bound(400, 1<<20) // encodeHead has a buffer of 64 KiB
	f.Fuzz(func(t testing.TB, b []byte, sealed bool) {
		if sealed && len(b) >= 4 {
			binary.BigEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], castagnoli))
		}
		s, applied, err := decodeHead(b)
		if err != nil {
			if !errors.Is(err, ErrHead) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		again := encodeHead(s, applied)
		back, backApplied, err := decodeHead(again)
		if err != nil || backApplied != applied || !bytes.Equal(encodeHead(back, applied), again) {
			t.Fatalf("%+v comes back as %+v, %v", s, back, err)
		}
	})
}
