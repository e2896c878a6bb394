package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzParseSubmission: what a client sends is refused with an *ArgumentError, or
// is a block whose body gives the same block again.
func FuzzParseSubmission(ff *testing.F) {
	f := fuzz.New(ff)
	body := protocol.EncodeBody([]protocol.Transaction{protocol.NewTransaction([]byte("pay"), []protocol.Access{
		{Key: []byte("a"), Mode: protocol.Read}, {Key: []byte("b"), Mode: protocol.ReadWrite},
	})})
	for _, in := range []*wirepb.SubmitBlockRequest{
		{Key: "block", Content: &wirepb.SubmitBlockRequest_Body{Body: body}},
		{Key: "block", Content: &wirepb.SubmitBlockRequest_Transactions{Transactions: &wirepb.TransactionList{Transactions: []*wirepb.Transaction{{
			Payload: []byte("pay"), Access: []*wirepb.Access{
				{Key: []byte("b"), Mode: wirepb.AccessMode_ACCESS_MODE_WRITE}, {Key: []byte("a"), Mode: wirepb.AccessMode_ACCESS_MODE_READ},
				{Key: []byte("b"), Mode: wirepb.AccessMode_ACCESS_MODE_READ},
			},
		}}}}},
		{Content: &wirepb.SubmitBlockRequest_Body{Body: []byte{0, 0, 0, 0}}},
	} {
		data, err := proto.Marshal(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Bound(1<<10, 1<<18)
	f.Fuzz(func(t testing.TB, data []byte) {
		var in wirepb.SubmitBlockRequest
		if proto.Unmarshal(data, &in) != nil {
			return
		}
		got, err := wire.ParseSubmission(&in, protocol.DefaultLimits())
		if err != nil {
			var argument *wire.ArgumentError
			if !errors.As(err, &argument) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if !bytes.Equal(protocol.EncodeBody(got.Transactions), got.Body) || got.Key != in.GetKey() {
			t.Fatalf("the transactions of block %q are not those of its body", got.Key)
		}
		again, err := wire.ParseSubmission(&wirepb.SubmitBlockRequest{Key: got.Key, Content: &wirepb.SubmitBlockRequest_Body{Body: got.Body}}, protocol.DefaultLimits())
		if err != nil || !bytes.Equal(protocol.EncodeBody(again.Transactions), got.Body) {
			t.Fatalf("the body that was made is refused, or is another: %v", err)
		}
	})
}
