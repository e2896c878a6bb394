package rpc

import (
	"errors"
	"io"

	"google.golang.org/grpc/mem"
	protobuf "google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// What a client gives for an answer that it does not decode.
var (
	errAnswerParts  = errors.New("the answer has too many parts for its length, or is too long: no correct server sends such")
	errAnswerPacked = errors.New("the answer is compressed, which no correct server does")
)

// clientCodec is the codec of a client. A server may lie, and its answer become very
// many objects: what they take is estimated before they are made.
type clientCodec struct{ codec }

// Unmarshal implements encoding.CodecV2.
func (c clientCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(protobuf.Message)
	if !ok || data.Len() < largeMessage {
		return c.codec.Unmarshal(data, v)
	}
	most := mostOfAnswer(m)
	if data.Len() > most.bytes {
		return errAnswerParts
	}
	flat := data.Materialize()
	if allowed := most.decoded(len(flat)); shapeOf(m.ProtoReflect().Type()).takes(flat, allowed) > allowed {
		return errAnswerParts
	}
	return c.unmarshalOwned(flat, v)
}

const (
	// MostShardRead bounds the answer of a shard to a read: what one answer gathers, and
	// what stands round 4096 values.
	MostShardRead = wire.MostAnswerBytes + mostSmall
	// MostShortAnswer bounds that of a daemon which says who and where it is.
	MostShortAnswer = mostSmall
)

// mostOfAnswer tells what is taken of an answer, by what it is. Daemons ask shards and
// members that may lie; all that holds large things are answers to clients.
func mostOfAnswer(m protobuf.Message) most {
	switch m.(type) {
	case *wirepb.ShardServiceGetResponse:
		return most{bytes: MostShardRead}
	case *wirepb.HereResponse, *wirepb.ExchangeResponse:
		return most{bytes: mostSmall}
	}
	return most{MaxMessageBytes, true}
}

// packed is a decompressor of gRPC that takes nothing, for a client: a few bytes would
// become very many.
type packed struct{}

// Do implements grpc.Decompressor.
func (packed) Do(io.Reader) ([]byte, error) { return nil, errAnswerPacked }

// Type implements grpc.Decompressor.
func (packed) Type() string { return "gzip" }
