package rpc

import (
	"context"
	"reflect"
	"sync"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	protobuf "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/lockstep-exec/lockstep/protocol/rpc/guard"
)

// A message of few bytes may become very many objects. What they take is estimated
// before they are made.
const (
	// partBytes is what a message inside another takes in memory, and fieldBytes any
	// other field, beside its content.
	partBytes  = 128
	fieldBytes = 32
	// mostDecoded bounds that for one message; a block of a million transactions with
	// three keys each takes less.
	mostDecoded = 1 << 30
	// mostTimes bounds how many times its own length a message may take, beyond
	// fewParts. A transaction with one key of one byte takes 43 times, an empty one 80.
	mostTimes = 64
	// mostDecoding bounds what the messages take that are decoded at one time. One that
	// takes more is decoded alone; one that takes no more than fewParts need not wait.
	mostDecoding = 128 << 20
	fewParts     = 1 << 20
)

// serverCodec is the codec of a server. It bounds what is decoded at one time, and has
// answers counted.
type serverCodec struct {
	codec
	keys     *keyBounds
	decoding *semaphore.Weighted
}

func newServerCodec(keys *keyBounds) serverCodec {
	return serverCodec{newCodec(), keys, semaphore.NewWeighted(mostDecoding)}
}

// Marshal implements encoding.CodecV2.
func (c serverCodec) Marshal(v any) (mem.BufferSlice, error) {
	answer, ok := v.(*guard.Answer)
	if !ok {
		return c.codec.Marshal(v)
	}
	data, err := c.codec.Marshal(answer.Message)
	if err != nil {
		return nil, err
	}
	return answer.Track(data), nil
}

// Unmarshal implements encoding.CodecV2.
func (c serverCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(protobuf.Message)
	if !ok || data.Len() < largeMessage {
		return c.codec.Unmarshal(data, v)
	}
	most := c.keys.mostOf(m)
	if data.Len() > most.bytes {
		return guard.ErrOversize
	}
	flat := data.Materialize()
	takes := shapeOf(m.ProtoReflect().Type()).takes(flat, most.decoded(len(flat)))
	if takes <= fewParts {
		return c.unmarshalOwned(flat, v)
	}
	if takes > most.decoded(len(flat)) {
		return guard.ErrElements
	}
	room := min(takes, mostDecoding)
	if err := c.decoding.Acquire(context.Background(), room); err != nil {
		return err
	}
	defer c.decoding.Release(room)
	return c.unmarshalOwned(flat, v)
}

// shape says which fields of a message are messages themselves, by their number.
type shape struct{ parts []*shape }

// shapes are those of the messages that servers take, by Go type.
var shapes sync.Map

func shapeOf(t protoreflect.MessageType) *shape {
	key := reflect.TypeOf(t.Zero().Interface())
	if known, ok := shapes.Load(key); ok {
		return known.(*shape)
	}
	made, _ := shapes.LoadOrStore(key, newShape(t.Descriptor(), map[protoreflect.FullName]*shape{}))
	return made.(*shape)
}

func newShape(d protoreflect.MessageDescriptor, known map[protoreflect.FullName]*shape) *shape {
	if s := known[d.FullName()]; s != nil {
		return s
	}
	s := &shape{}
	known[d.FullName()] = s
	for n := range d.Fields().Len() {
		if f := d.Fields().Get(n); f.Message() != nil {
			s.parts = append(s.parts, make([]*shape, max(0, int(f.Number())+1-len(s.parts)))...)
			s.parts[f.Number()] = newShape(f.Message(), known)
		}
	}
	return s
}

// takes estimates what a marshalled message takes in memory beside its content. It stops
// counting beyond most, and at what is malformed, which the decoder refuses.
func (s *shape) takes(b []byte, most int64) (bytes int64) {
	for len(b) > 0 && bytes <= most {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return bytes
		}
		b = b[n:]
		bytes += fieldBytes
		if kind == protowire.BytesType {
			content, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return bytes
			}
			b = b[n:]
			if int(number) < len(s.parts) && s.parts[number] != nil {
				bytes += partBytes + s.parts[number].takes(content, most-bytes)
			}
			continue
		}
		n = protowire.ConsumeFieldValue(number, kind, b)
		if n < 0 {
			return bytes
		}
		b = b[n:]
	}
	return bytes
}
