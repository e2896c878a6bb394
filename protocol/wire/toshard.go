package wire

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// toShard gives nil for a message that no coordinator sends.
func toShard(m protocol.Message) *wirepb.ToShard {
	switch m := m.(type) {
	case *protocol.Welcome:
		return &wirepb.ToShard{Message: &wirepb.ToShard_Welcome{Welcome: &wirepb.Welcome{
			Config: Config(m.Config), Committed: uint64(m.Committed), Peers: peersOut(m.Peers)}}}
	case protocol.Peers:
		return &wirepb.ToShard{Message: &wirepb.ToShard_Peers{Peers: &wirepb.Peers{Peers: peersOut(m.Peers)}}}
	case *protocol.Execute:
		x := executeHead(m)
		x.SubBlock = m.Encoded()
		return &wirepb.ToShard{Message: &wirepb.ToShard_Execute{Execute: x}}
	case protocol.Commit:
		return &wirepb.ToShard{Message: &wirepb.ToShard_Commit{Commit: &wirepb.Commit{Committed: committedOut(m.Committed)}}}
	case protocol.Abort:
		return &wirepb.ToShard{Message: &wirepb.ToShard_Abort{Abort: &wirepb.Abort{Attempt: attemptOut(m.Attempt)}}}
	case protocol.Reject:
		return &wirepb.ToShard{Message: &wirepb.ToShard_Reject{Reject: &wirepb.Reject{
			Kind: wirepb.RejectKind(m.Kind), Reason: reasonOut(m.Reason)}}}
	}
	return nil
}

// executeHead gives an Execute without its sub-block.
func executeHead(m *protocol.Execute) *wirepb.Execute {
	return &wirepb.Execute{Attempt: attemptOut(m.Attempt), Parent: attemptOut(m.Parent), BlockId: m.Block[:]}
}

// UnmarshalToShard reads a message of the coordinator, and keeps b: the
// sub-block of an Execute aliases it. The envelope's session is left to the
// caller. An error wraps ErrMalformed or ErrTooLarge.
func UnmarshalToShard(b []byte, bounds Bounds) (protocol.Envelope, error) {
	var m wirepb.ToShard
	if err := unmarshalToShard(b, &m); err != nil {
		return protocol.Envelope{}, fmt.Errorf("message from the coordinator: %w", err)
	}
	if m.Epoch == 0 {
		return protocol.Envelope{}, fmt.Errorf("message from the coordinator: %w", malformed("epoch 0"))
	}
	got, err := fromCoordinator(&m, bounds)
	if err != nil {
		return protocol.Envelope{}, fmt.Errorf("message from the coordinator: %w", err)
	}
	return protocol.Envelope{Epoch: protocol.Epoch(m.Epoch), Message: got}, nil
}

// unmarshalToShard does not have protobuf copy the sub-block of an Execute.
func unmarshalToShard(b []byte, m *wirepb.ToShard) error {
	if err := prescan(b, toShardKinds); err != nil {
		return err
	}
	rest, execute, ok := Cut(b, toShardExecute)
	if !ok {
		return decode(b, m)
	}
	small, subBlock, ok := Cut(execute, executeSubBlock)
	if !ok {
		return decode(b, m)
	}
	x := &wirepb.Execute{}
	if err := decode(small, x); err != nil {
		return err
	}
	x.SubBlock = subBlock
	if err := decode(rest, m); err != nil {
		return err
	}
	m.Message = &wirepb.ToShard_Execute{Execute: x}
	return nil
}

func fromCoordinator(m *wirepb.ToShard, bounds Bounds) (protocol.Message, error) {
	switch m := m.Message.(type) {
	case *wirepb.ToShard_Welcome:
		return welcomeIn(m.Welcome)
	case *wirepb.ToShard_Peers:
		peers, err := peersIn(m.Peers.GetPeers(), bounds.shards())
		return protocol.Peers{Peers: peers}, err
	case *wirepb.ToShard_Execute:
		return executeIn(m.Execute)
	case *wirepb.ToShard_Commit:
		return commitIn(m.Commit)
	case *wirepb.ToShard_Abort:
		attempt, err := attemptIn("attempt to abort", m.Abort.GetAttempt())
		return protocol.Abort{Attempt: attempt}, err
	case *wirepb.ToShard_Reject:
		return rejectIn(m.Reject)
	}
	return nil, malformed("no message that is known here")
}

func welcomeIn(m *wirepb.Welcome) (protocol.Message, error) {
	config, err := ParseConfig(m.GetConfig())
	if err != nil {
		return nil, err
	}
	peers, err := peersIn(m.Peers, config.Shards())
	if err != nil {
		return nil, err
	}
	return &protocol.Welcome{Config: config, Committed: protocol.Height(m.Committed), Peers: peers}, nil
}

// executeIn also checks that the parent is one height below.
func executeIn(m *wirepb.Execute) (protocol.Message, error) {
	var e protocol.Execute
	var err error
	if e.Attempt, err = attemptIn("attempt to execute", m.GetAttempt()); err != nil {
		return nil, err
	}
	if m.Parent != nil {
		if e.Parent, err = attemptIn("parent attempt", m.Parent); err != nil {
			return nil, err
		}
	}
	if e.Parent.Height != e.Attempt.Height-1 {
		return nil, malformed("attempt %s builds on attempt %s, which is not one height below", e.Attempt, e.Parent)
	}
	if e.Block, err = digestIn("block id", m.BlockId); err != nil {
		return nil, err
	}
	if len(m.SubBlock) < 4 {
		return nil, malformed("sub-block of %d bytes", len(m.SubBlock))
	}
	e.SubBlock = m.SubBlock
	return &e, nil
}

func commitIn(m *wirepb.Commit) (protocol.Message, error) {
	c, err := committedIn(m.GetCommitted())
	if err != nil {
		return nil, err
	}
	if c.Height() == 0 {
		return nil, malformed("a commit without an attempt")
	}
	return protocol.Commit{Committed: c}, nil
}

func rejectIn(m *wirepb.Reject) (protocol.Message, error) {
	if _, known := wirepb.RejectKind_name[int32(m.GetKind())]; !known || m.GetKind() == 0 {
		return nil, malformed("reject of kind %d", m.GetKind())
	}
	kind := protocol.RejectKind(m.GetKind()) //nolint:G115 // all that are known are small
	reason, err := reasonIn(m.Reason)
	return protocol.Reject{Kind: kind, Reason: reason}, err
}
