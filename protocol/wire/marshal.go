package wire

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Lane says which messages keep their order; see the package comment.
type Lane = wirepb.Lane

// The lanes of a session.
const (
	Control = wirepb.Lane_LANE_CONTROL
	Bulk    = wirepb.Lane_LANE_BULK
)

// LaneOf gives the lane on which a message travels.
func LaneOf(m protocol.Message) Lane {
	switch m.(type) {
	case *protocol.Welcome, protocol.Peers, protocol.Commit, protocol.Reject:
		return Control
	}
	return Bulk
}

// SizeHint estimates the bytes of a message without marshalling it: never
// much less than they are.
func SizeHint(m protocol.Message) int {
	const rest = 256
	switch m := m.(type) {
	case *protocol.Execute:
		return rest + len(m.SubBlock) + m.Excerpt.Len()
	case *protocol.Vote:
		return rest + m.Outcomes.Len() + len(m.Refusal.Reason)
	case *protocol.Hello:
		n := rest
		for i := range m.Prepared {
			n += SizeHint(&m.Prepared[i])
		}
		return n
	case *protocol.Welcome:
		return rest + 4*m.Config.Shards() + peersSize(m.Peers)
	case protocol.Peers:
		return rest + peersSize(m.Peers)
	case protocol.Reject:
		return rest + len(m.Reason)
	case protocol.Quarantined:
		return rest + len(m.Reason)
	}
	return rest
}

func peersSize(peers []protocol.Peer) (n int) {
	for _, p := range peers {
		n += 16 + len(p.Address)
	}
	return n
}

// Marshal gives the bytes of one ToShard or ToCoordinator message, whichever
// the envelope's message belongs to, and its lane. The session is not part of
// them. A reason that is too long is shortened. An error wraps ErrMalformed or
// ErrTooLarge and means that the sender has a bug.
func Marshal(env protocol.Envelope) (Lane, []byte, error) {
	m, err := message(env)
	if err != nil {
		return 0, nil, fmt.Errorf("marshal %T: %w", env.Message, err)
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return 0, nil, fmt.Errorf("marshal %T: %w: %w", env.Message, ErrMalformed, err)
	}
	if len(b) > DefaultMaxMessage {
		return 0, nil, fmt.Errorf("marshal %T: %w", env.Message, tooLarge("%d bytes, at most %d allowed", len(b), DefaultMaxMessage))
	}
	return LaneOf(env.Message), b, nil
}

func message(env protocol.Envelope) (proto.Message, error) {
	if m := toShard(env.Message); m != nil {
		m.Epoch = uint64(env.Epoch)
		return m, nil
	}
	m := toCoordinator(env.Message)
	if m == nil {
		return nil, malformed("not a message that travels")
	}
	if hello, ok := env.Message.(*protocol.Hello); ok && hello.Epoch != env.Epoch {
		return nil, malformed("a hello of epoch %d from a sender of epoch %d", hello.Epoch, env.Epoch)
	}
	m.Epoch = uint64(env.Epoch)
	return m, nil
}

// unmarshal reads the bytes of one message into m.
func unmarshal(b []byte, kinds map[fieldNumber]int, m proto.Message) error {
	if err := prescan(b, kinds); err != nil {
		return err
	}
	return decode(b, m)
}

// decode has protobuf read a message whose outline was looked at.
func decode(b []byte, m proto.Message) error {
	if err := (proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: 16}).Unmarshal(b, m); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}
