package rpc

import (
	"testing"

	protobuf "google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzCodec: a large message is read without protobuf's copy of its bytes, and is the
// same as if protobuf had read it, or is refused if it would be.
func FuzzCodec(ff *testing.F) {
	f := fuzz.New(ff)
	for _, m := range []protobuf.Message{
		&wirepb.Frame{Lane: 2, More: true, Data: []byte("data")},
		&wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Batch{Batch: &wirepb.ExchangeBatch{
			Attempt: &wirepb.AttemptID{Height: 1, Epoch: 2, Attempt: 3}, Values: []byte("values"),
		}}},
		&wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Hello{Hello: &wirepb.ExchangeHello{FromShard: 1, Cluster: make([]byte, 16)}}},
		&wirepb.SubmitBlockRequest{Key: "key", Content: &wirepb.SubmitBlockRequest_Body{Body: []byte("body")}},
		&wirepb.SubmitBlockRequest{Key: "key", Content: &wirepb.SubmitBlockRequest_Transactions{Transactions: &wirepb.TransactionList{
			Transactions: []*wirepb.Transaction{{Payload: []byte("pay")}},
		}}},
	} {
		b, err := protobuf.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Bound(400, 1<<17)
	f.Fuzz(func(t testing.TB, b []byte) {
		agree(t, b, unmarshalFrame, &wirepb.Frame{}, &wirepb.Frame{})
		agree(t, b, unmarshalExchange, &wirepb.ExchangeRequest{}, &wirepb.ExchangeRequest{})
		agree(t, b, unmarshalSubmit, &wirepb.SubmitBlockRequest{}, &wirepb.SubmitBlockRequest{})
	})
}

func agree[M protobuf.Message](t testing.TB, b []byte, unmarshal func([]byte, M) error, got, want M) {
	err, wantErr := unmarshal(b, got), protobuf.Unmarshal(b, want)
	if (err == nil) != (wantErr == nil) || err == nil && !protobuf.Equal(got, want) {
		t.Fatalf("%x reads as %v, %v; protobuf gives %v, %v", b, got, err, want, wantErr)
	}
}
