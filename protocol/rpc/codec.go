package rpc

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	protobuf "google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// codec is that of protobuf, which copies a field of bytes whenever it writes
// or reads it. What is large is spared that here: the data of frames, values
// for peers and the bodies of blocks. The bytes on the line are the same.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// largeMessage is from how many bytes on a copy costs more than it takes to do
// without.
const largeMessage = 4 << 10

// The fields that hold what is large. Marshal relies on each being the last of
// its message.
var (
	frameData    = wire.NumberOf((*wirepb.Frame)(nil), "data")
	requestBatch = wire.NumberOf((*wirepb.ExchangeRequest)(nil), "batch")
	batchValues  = wire.NumberOf((*wirepb.ExchangeBatch)(nil), "values")
	submitBody   = wire.NumberOf((*wirepb.SubmitBlockRequest)(nil), "body")
)

// Marshal sends the large field of a message from where it is; it must not be
// changed any more.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	switch m := v.(type) {
	case *wirepb.Frame:
		if len(m.Data) >= largeMessage {
			return marshal(&wirepb.Frame{Lane: m.Lane, More: m.More}, frameData, m.Data)
		}
	case *wirepb.ExchangeRequest:
		if batch := m.GetBatch(); len(batch.GetValues()) >= largeMessage {
			return marshalBatch(batch)
		}
	}
	return c.CodecV2.Marshal(v)
}

// marshal writes a message, and behind it a field that it lacks.
func marshal(m protobuf.Message, field protowire.Number, large []byte) (mem.BufferSlice, error) {
	head, err := protobuf.Marshal(m)
	if err != nil {
		return nil, err
	}
	head = protowire.AppendVarint(protowire.AppendTag(head, field, protowire.BytesType), uint64(len(large)))
	return mem.BufferSlice{mem.SliceBuffer(head), mem.SliceBuffer(large)}, nil
}

func marshalBatch(m *wirepb.ExchangeBatch) (mem.BufferSlice, error) {
	batch, err := marshal(&wirepb.ExchangeBatch{Attempt: m.Attempt}, batchValues, m.Values)
	if err != nil {
		return nil, err
	}
	head := protowire.AppendTag(nil, requestBatch, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(batch.Len()))
	return append(mem.BufferSlice{mem.SliceBuffer(head)}, batch...), nil
}

// Unmarshal takes a large message out of the buffers of gRPC in one copy, which
// belongs to the message from then on.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if data.Len() < largeMessage {
		return c.CodecV2.Unmarshal(data, v)
	}
	switch v.(type) {
	case *wirepb.Frame, *wirepb.ExchangeRequest, *wirepb.SubmitBlockRequest:
		return c.unmarshalOwned(data.Materialize(), v)
	}
	return c.CodecV2.Unmarshal(data, v)
}

// unmarshalOwned reads a message from bytes that belong to it from then on.
func (c codec) unmarshalOwned(b []byte, v any) error {
	switch m := v.(type) {
	case *wirepb.Frame:
		return unmarshalFrame(b, m)
	case *wirepb.ExchangeRequest:
		return unmarshalExchange(b, m)
	case *wirepb.SubmitBlockRequest:
		return unmarshalSubmit(b, m)
	}
	return c.CodecV2.Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, v)
}

func unmarshalFrame(b []byte, m *wirepb.Frame) error {
	rest, large, ok := wire.Cut(b, frameData)
	if !ok {
		return protobuf.Unmarshal(b, m)
	}
	err := protobuf.Unmarshal(rest, m)
	m.Data = large
	return err
}

func unmarshalExchange(b []byte, m *wirepb.ExchangeRequest) error {
	rest, batch, ok := wire.Cut(b, requestBatch)
	if !ok || len(rest) > 0 {
		return protobuf.Unmarshal(b, m)
	}
	rest, values, ok := wire.Cut(batch, batchValues)
	if !ok {
		return protobuf.Unmarshal(b, m)
	}
	out := &wirepb.ExchangeBatch{}
	err := protobuf.Unmarshal(rest, out)
	out.Values = values
	m.Request = &wirepb.ExchangeRequest_Batch{Batch: out}
	return err
}

func unmarshalSubmit(b []byte, m *wirepb.SubmitBlockRequest) error {
	rest, body, ok := wire.Cut(b, submitBody)
	if !ok {
		return protobuf.Unmarshal(b, m)
	}
	if err := protobuf.Unmarshal(rest, m); err != nil {
		return err
	}
	if m.Content != nil { // both forms of the content: the last one counts
		return protobuf.Unmarshal(b, m)
	}
	m.Content = &wirepb.SubmitBlockRequest_Body{Body: body}
	return nil
}
