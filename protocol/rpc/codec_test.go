package rpc

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	protobuf "google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// TestCodecIsProtobuf: what the codec writes is what protobuf writes, byte for
// byte, and it reads what protobuf wrote, in whatever pieces it comes.
func TestCodecIsProtobuf(t *testing.T) {
	attempt := &wirepb.AttemptID{Height: 1 << 40, Epoch: 3, Attempt: 2}
	for _, size := range []int{0, 100, largeMessage - 1, largeMessage, 300_000} {
		large := bytes.Repeat([]byte("abcdefg"), size/7+1)[:size]
		for _, m := range []protobuf.Message{
			&wirepb.Frame{Lane: wirepb.Lane_LANE_BULK, More: true, Data: large},
			&wirepb.Frame{Data: large},
			&wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Batch{Batch: &wirepb.ExchangeBatch{Attempt: attempt, Values: large}}},
			&wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Hello{Hello: &wirepb.ExchangeHello{Cluster: large, ToShard: 3}}},
			&wirepb.SubmitBlockRequest{Key: "k", TimeoutMs: 7, IncludeOutcomes: true, Content: &wirepb.SubmitBlockRequest_Body{Body: large}},
			&wirepb.SubmitBlockRequest{Key: "k", Content: &wirepb.SubmitBlockRequest_Transactions{Transactions: &wirepb.TransactionList{
				Transactions: []*wirepb.Transaction{{Payload: large}, {Payload: []byte{1}}}}}},
			&wirepb.GetRequest{Keys: [][]byte{large}},
		} {
			want, err := protobuf.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			got, err := newCodec().Marshal(m)
			if err != nil || !bytes.Equal(got.Materialize(), want) {
				t.Fatalf("%T of %d bytes is not what protobuf writes: %v", m, size, err)
			}
			read(t, want, m)
		}
	}
}

// read reads bytes as a whole and in pieces.
func read(t *testing.T, b []byte, want protobuf.Message) {
	t.Helper()
	for _, cut := range []int{0, min(1, len(b)), len(b) / 2} {
		got := want.ProtoReflect().New().Interface()
		if err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(b[:cut]), mem.SliceBuffer(b[cut:])}, got); err != nil {
			t.Fatalf("%T of %d bytes: %v", want, len(b), err)
		}
		if !protobuf.Equal(got, want) {
			t.Fatalf("%T of %d bytes is read as another", want, len(b))
		}
	}
}

// TestCodecReadsWhatProtobufReads: fields in another order, twice, or cut off.
func TestCodecReadsWhatProtobufReads(t *testing.T) {
	marshalled := func(m protobuf.Message) []byte {
		b, err := protobuf.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	large := bytes.Repeat([]byte{9}, 2*largeMessage)
	data := marshalled(&wirepb.Frame{Data: large})
	body := marshalled(&wirepb.SubmitBlockRequest{Content: &wirepb.SubmitBlockRequest_Body{Body: large}})
	list := marshalled(&wirepb.SubmitBlockRequest{Content: &wirepb.SubmitBlockRequest_Transactions{Transactions: &wirepb.TransactionList{
		Transactions: []*wirepb.Transaction{{Payload: large}}}}})
	batch := marshalled(&wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Batch{Batch: &wirepb.ExchangeBatch{Values: large}}})
	hello := marshalled(&wirepb.ExchangeRequest{Request: &wirepb.ExchangeRequest_Hello{Hello: &wirepb.ExchangeHello{ToShard: 3}}})
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, c := range []struct {
		b    []byte
		into protobuf.Message
	}{
		{join(data, marshalled(&wirepb.Frame{More: true})), &wirepb.Frame{}},
		{join(data, data[:len(data)-1]), &wirepb.Frame{}},
		{join(data, marshalled(&wirepb.Frame{Data: []byte{1}})), &wirepb.Frame{}},
		{join(body, list), &wirepb.SubmitBlockRequest{}},
		{join(list, body), &wirepb.SubmitBlockRequest{}},
		{join(body, []byte{8}), &wirepb.SubmitBlockRequest{}},
		{join(batch, hello), &wirepb.ExchangeRequest{}},
		{join(hello, batch), &wirepb.ExchangeRequest{}},
		{join(batch, batch), &wirepb.ExchangeRequest{}},
	} {
		want := c.into.ProtoReflect().New().Interface()
		wantErr := protobuf.Unmarshal(c.b, want)
		err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(c.b)}, c.into)
		if (err == nil) != (wantErr == nil) || err == nil && !protobuf.Equal(c.into, want) {
			t.Errorf("%x… as %T: %v, protobuf: %v", c.b[:12], c.into, err, wantErr)
		}
	}
}
