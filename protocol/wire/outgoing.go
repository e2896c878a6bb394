package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Outgoing is a message that is sent, frame by frame. The sub-block of an Execute is
// written as its frames are, so that a session holds no copy of it. One goroutine owns
// it.
type Outgoing struct {
	lane    Lane
	data    []byte                 // all of the message, or what stands before the excerpt
	excerpt protocol.ExcerptReader // the rest of it
	left    int                    // bytes, of both
}

// Send begins to send a message. Put together, its frames are what Marshal gives; so
// are errors.
func Send(env protocol.Envelope) (*Outgoing, error) {
	x, execute := env.Message.(*protocol.Execute)
	if !execute || x.Excerpt == nil {
		lane, data, err := Marshal(env)
		if err != nil {
			return nil, err
		}
		return &Outgoing{lane: lane, data: data, left: len(data)}, nil
	}
	head, err := headOf(uint64(env.Epoch), x)
	if err != nil {
		return nil, fmt.Errorf("marshal %T: %w: %w", x, ErrMalformed, err)
	}
	out := &Outgoing{lane: LaneOf(x), data: head, excerpt: x.Excerpt.Reader(), left: len(head) + x.Excerpt.Len()}
	if out.left > DefaultMaxMessage {
		return nil, fmt.Errorf("marshal %T: %w", x, tooLarge("%d bytes, at most %d allowed", out.left, DefaultMaxMessage))
	}
	return out, nil
}

// headOf gives the bytes of an Execute up to those of its sub-block, which is the last
// field of the last field of its message.
func headOf(epoch uint64, x *protocol.Execute) ([]byte, error) {
	outer, err := proto.Marshal(&wirepb.ToShard{Epoch: epoch})
	if err != nil {
		return nil, err
	}
	inner, err := proto.Marshal(executeHead(x))
	if err != nil {
		return nil, err
	}
	inner = protowire.AppendVarint(protowire.AppendTag(inner, executeSubBlock, protowire.BytesType), uint64(x.Excerpt.Len()))
	outer = protowire.AppendTag(outer, toShardExecute, protowire.BytesType)
	outer = protowire.AppendVarint(outer, uint64(len(inner)+x.Excerpt.Len()))
	return append(outer, inner...), nil
}

// Next gives the next frame. The last one has nothing more.
func (o *Outgoing) Next() *wirepb.Frame {
	if len(o.data) == o.left { // nothing is written later
		var frame *wirepb.Frame
		frame, o.data = Chunk(o.lane, o.data)
		o.left = len(o.data)
		return frame
	}
	data := make([]byte, min(o.left, ChunkBytes))
	n := copy(data, o.data)
	o.data = o.data[n:]
	o.excerpt.Fill(data[n:])
	o.left -= len(data)
	return &wirepb.Frame{Lane: o.lane, More: o.left > 0, Data: data}
}
