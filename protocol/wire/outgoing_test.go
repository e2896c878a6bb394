package wire_test

import (
	"bytes"
	"testing"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// allFrames sends a message, and puts its frames together.
func allFrames(t *testing.T, env protocol.Envelope) (data []byte) {
	t.Helper()
	out, err := wire.Send(env)
	if err != nil {
		t.Fatal(err)
	}
	for {
		frame := out.Next()
		if len(frame.Data) == 0 || len(frame.Data) > wire.ChunkBytes || frame.Lane != wire.LaneOf(env.Message) {
			t.Fatalf("a frame of lane %v with %d bytes", frame.Lane, len(frame.Data))
		}
		if data = append(data, frame.Data...); !frame.More {
			return data
		}
		if len(frame.Data) < wire.ChunkBytes {
			t.Fatalf("a frame of %d bytes with more to come", len(frame.Data))
		}
	}
}

func TestSendGivesWhatMarshalGives(t *testing.T) {
	for _, s := range append(shardSamples(), coordinatorSamples()...) {
		_, want, err := wire.Marshal(s.env)
		if err != nil {
			t.Fatal(err)
		}
		if got := allFrames(t, s.env); !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, want %d", s.name, len(got), len(want))
		}
	}
}

// TestSendWritesExcerptsAsTheyGoOut: the frames of an Execute whose sub-block is not
// written are those of one whose sub-block is, wherever the chunks end.
func TestSendWritesExcerptsAsTheyGoOut(t *testing.T) {
	for payload := wire.ChunkBytes - 120; payload < wire.ChunkBytes+20; payload++ {
		transactions := []protocol.Transaction{
			protocol.NewTransaction([]byte("first"), []protocol.Access{{Key: []byte("a"), Mode: protocol.Write}}),
			protocol.NewTransaction(bytes.Repeat([]byte("p"), payload), []protocol.Access{{Key: []byte("b"), Mode: protocol.Read}}),
			protocol.NewTransaction([]byte("last"), []protocol.Access{{Key: []byte("c"), Mode: protocol.ReadWrite}}),
		}
		sub := protocol.SubBlock{{Index: 1, Transaction: transactions[1]}, {Index: 2, Transaction: transactions[2]}}
		excerpts := protocol.Excerpts(protocol.EncodeBody(transactions), transactions, [][]uint32{nil, sub.Indexes()})
		written := protocol.Execute{Attempt: attempt(8, 3, 2), Parent: attempt(7, 2, 1), Block: digest(0xb1), SubBlock: protocol.EncodeSubBlock(sub)}
		sent := written
		sent.SubBlock, sent.Excerpt = nil, excerpts[1]
		_, want, err := wire.Marshal(protocol.Envelope{Epoch: 3, Message: &written})
		if err != nil {
			t.Fatal(err)
		}
		env := protocol.Envelope{Epoch: 3, Message: &sent}
		if got := allFrames(t, env); !bytes.Equal(got, want) {
			t.Fatalf("a payload of %d bytes: sent %d bytes, want %d", payload, len(got), len(want))
		}
		if _, got, err := wire.Marshal(env); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("a payload of %d bytes: marshalled %d bytes, want %d, %v", payload, len(got), len(want), err)
		}
		if empty := protocol.EncodeSubBlock(nil); !bytes.Equal(excerpts[0].Bytes(), empty) {
			t.Fatalf("an excerpt of nothing is %x, want %x", excerpts[0].Bytes(), empty)
		}
	}
}
