package wire

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

type fieldNumber = protowire.Number

// Field numbers of the parts that may be large.
var (
	toShardExecute     = NumberOf((*wirepb.ToShard)(nil), "execute")
	toCoordinatorHello = NumberOf((*wirepb.ToCoordinator)(nil), "hello")
	toCoordinatorVote  = NumberOf((*wirepb.ToCoordinator)(nil), "vote")
	executeSubBlock    = NumberOf((*wirepb.Execute)(nil), "sub_block")
	helloPrepared      = NumberOf((*wirepb.Hello)(nil), "prepared")
)

// NumberOf gives the number of a field, by its name in the .proto file.
func NumberOf(m proto.Message, field protoreflect.Name) fieldNumber {
	return m.ProtoReflect().Descriptor().Fields().ByName(field).Number()
}

// Most bytes of a submessage, by its field number, where that is not maxSmall.
var (
	toShardKinds       = map[fieldNumber]int{toShardExecute: DefaultMaxMessage}
	toCoordinatorKinds = map[fieldNumber]int{toCoordinatorHello: DefaultMaxMessage, toCoordinatorVote: maxVote}
)

// Fields 2 to lastKind of ToShard and ToCoordinator are kinds of messages, of
// which there is one; fields above may come to stand beside any of them.
const lastKind fieldNumber = 15

// prescan looks at the outline of a message before anything is allocated for
// it: protobuf would make a structure of some hundred bytes out of every two
// bytes of a repeated field, and make one message out of two that nobody sent.
// It refuses parts over their bounds, and fields that are there twice.
func prescan(b []byte, kinds map[fieldNumber]int) error {
	if len(b) > DefaultMaxMessage {
		return tooLarge("%d bytes, at most %d allowed", len(b), DefaultMaxMessage)
	}
	var epoch, message bool
	return fields(b, func(n fieldNumber, part []byte) error {
		if n > lastKind {
			return within(n, part, maxSmall)
		}
		seen := &message
		if n == 1 {
			seen = &epoch
		}
		if *seen {
			return malformed("more than one epoch or message")
		}
		*seen = true
		return prescanKind(n, part, kinds)
	})
}

func prescanKind(n fieldNumber, part []byte, kinds map[fieldNumber]int) error {
	most, large := kinds[n]
	if !large {
		most = maxSmall
	}
	if err := within(n, part, most); err != nil {
		return err
	}
	if _, fromShard := kinds[toCoordinatorHello]; fromShard && n == toCoordinatorHello {
		return prescanHello(part)
	}
	return nil
}

func within(n fieldNumber, part []byte, most int) error {
	if len(part) > most {
		return tooLarge("field %d of %d bytes, at most %d allowed", n, len(part), most)
	}
	return nil
}

func prescanHello(b []byte) error {
	prepared, rest := 0, 0
	return fields(b, func(n fieldNumber, part []byte) error {
		if n != helloPrepared {
			if rest += len(part) + 1; rest > maxSmall {
				return tooLarge("a hello of %d bytes without its votes", rest)
			}
			return nil
		}
		if prepared++; prepared > MaxPrepared {
			return tooLarge("more than %d prepared votes", MaxPrepared)
		}
		return within(n, part, maxVote)
	})
}

// fields calls f for every field of a message, with the contents of those that
// have a length.
func fields(b []byte, f func(n fieldNumber, part []byte) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return malformed("%v", protowire.ParseError(size))
		}
		b = b[size:]
		var part []byte
		if kind == protowire.BytesType {
			part, size = protowire.ConsumeBytes(b)
		} else {
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return malformed("field %d: %v", n, protowire.ParseError(size))
		}
		b = b[size:]
		if err := f(n, part); err != nil {
			return err
		}
	}
	return nil
}
