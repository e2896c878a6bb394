package wire

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// toCoordinator gives nil for a message that no shard sends.
func toCoordinator(m protocol.Message) *wirepb.ToCoordinator {
	switch m := m.(type) {
	case *protocol.Hello:
		return &wirepb.ToCoordinator{Message: &wirepb.ToCoordinator_Hello{Hello: helloOut(m)}}
	case *protocol.Vote:
		return &wirepb.ToCoordinator{Message: &wirepb.ToCoordinator_Vote{Vote: voteOut(m)}}
	case protocol.Ack:
		return &wirepb.ToCoordinator{Message: &wirepb.ToCoordinator_Ack{Ack: &wirepb.Ack{
			Committed: uint64(m.Committed), Checkpointed: uint64(m.Checkpointed)}}}
	case protocol.Quarantined:
		return &wirepb.ToCoordinator{Message: &wirepb.ToCoordinator_Quarantined{Quarantined: &wirepb.Quarantined{
			Reason: reasonOut(m.Reason)}}}
	}
	return nil
}

func helloOut(m *protocol.Hello) *wirepb.Hello {
	h := &wirepb.Hello{
		Shard: uint32(m.Shard), Shards: uint32(m.Shards), Directory: m.Directory[:], Instance: m.Instance[:],
		Address: m.Address, Committed: committedOut(m.Committed), Checkpointed: uint64(m.Checkpointed),
	}
	if !m.Cluster.IsZero() {
		h.Cluster = m.Cluster[:]
	}
	for i := range m.Prepared {
		h.Prepared = append(h.Prepared, voteOut(&m.Prepared[i]))
	}
	return h
}

func voteOut(v *protocol.Vote) *wirepb.Vote {
	out := &wirepb.Vote{Attempt: attemptOut(v.Attempt)}
	if v.Yes {
		out.Answer = &wirepb.Vote_Prepared{Prepared: &wirepb.Prepared{Digest: v.Digest[:], Outcomes: outcomesOut(v.Outcomes)}}
	} else {
		out.Answer = &wirepb.Vote_Refused{Refused: &wirepb.Refused{Reason: reasonOut(v.Refusal.Reason), Retry: v.Refusal.Retry}}
	}
	return out
}

// UnmarshalToCoordinator reads a message of a shard. The envelope's session is
// left to the caller. An error wraps ErrMalformed or ErrTooLarge.
func UnmarshalToCoordinator(b []byte, bounds Bounds) (protocol.Envelope, error) {
	var m wirepb.ToCoordinator
	if err := unmarshal(b, toCoordinatorKinds, &m); err != nil {
		return protocol.Envelope{}, fmt.Errorf("message from a shard: %w", err)
	}
	got, err := fromShard(&m, bounds)
	if err != nil {
		return protocol.Envelope{}, fmt.Errorf("message from a shard: %w", err)
	}
	return protocol.Envelope{Epoch: protocol.Epoch(m.Epoch), Message: got}, nil
}

func fromShard(m *wirepb.ToCoordinator, bounds Bounds) (protocol.Message, error) {
	switch k := m.Message.(type) {
	case *wirepb.ToCoordinator_Hello:
		return helloIn(k.Hello, protocol.Epoch(m.Epoch), bounds)
	case *wirepb.ToCoordinator_Vote:
		vote, err := voteIn(k.Vote, bounds)
		return &vote, err
	case *wirepb.ToCoordinator_Ack:
		return protocol.Ack{Committed: protocol.Height(k.Ack.GetCommitted()), Checkpointed: protocol.Height(k.Ack.GetCheckpointed())}, nil
	case *wirepb.ToCoordinator_Quarantined:
		reason, err := reasonIn(k.Quarantined.GetReason())
		return protocol.Quarantined{Reason: reason}, err
	}
	return nil, malformed("no message that is known here")
}

// helloIn leaves to the coordinator what an operator must be told of: a shard
// number, a number of shards, a cluster or a data directory that do not fit.
func helloIn(m *wirepb.Hello, epoch protocol.Epoch, bounds Bounds) (protocol.Message, error) {
	h := &protocol.Hello{
		Shard: protocol.ShardID(m.GetShard()), Shards: int(m.GetShards()), Epoch: epoch,
		Checkpointed: protocol.Height(m.GetCheckpointed()),
	}
	if err := helloIDs(h, m); err != nil {
		return nil, err
	}
	var err error
	if h.Address, err = addressIn(m.GetAddress()); err != nil {
		return nil, err
	}
	if h.Committed, err = committedIn(m.GetCommitted()); err != nil {
		return nil, err
	}
	if h.Checkpointed > h.Committed.Height() {
		return nil, malformed("checkpointed height %d is above committed height %d", h.Checkpointed, h.Committed.Height())
	}
	h.Prepared, err = preparedIn(m.GetPrepared(), bounds)
	return h, err
}

func helloIDs(h *protocol.Hello, m *wirepb.Hello) error {
	if len(m.GetCluster()) > 0 {
		if err := fixed("cluster id", h.Cluster[:], m.Cluster); err != nil {
			return err
		}
	}
	if err := fixed("data directory id", h.Directory[:], m.GetDirectory()); err != nil {
		return err
	}
	return fixed("instance id", h.Instance[:], m.GetInstance())
}

// preparedIn bounds the outcomes of all votes together by what a full window
// of the largest blocks has.
func preparedIn(in []*wirepb.Vote, bounds Bounds) ([]protocol.Vote, error) {
	if len(in) > MaxPrepared {
		return nil, tooLarge("%d prepared votes, at most %d allowed", len(in), MaxPrepared)
	}
	var votes []protocol.Vote
	outcomes := 0
	for _, v := range in {
		vote, err := voteIn(v, bounds)
		if err != nil {
			return nil, err
		}
		if outcomes += vote.Outcomes.Len(); outcomes > protocol.MaxWindow*bounds.transactions() {
			return nil, tooLarge("%d outcomes, more than a full window of blocks has", outcomes)
		}
		votes = append(votes, vote)
	}
	return votes, nil
}

func voteIn(m *wirepb.Vote, bounds Bounds) (v protocol.Vote, err error) {
	if v.Attempt, err = attemptIn("attempt voted on", m.GetAttempt()); err != nil {
		return protocol.Vote{}, err
	}
	switch answer := m.Answer.(type) {
	case *wirepb.Vote_Prepared:
		v.Yes = true
		if v.Digest, err = digestIn("digest of a vote", answer.Prepared.GetDigest()); err == nil {
			v.Outcomes, err = outcomesIn(answer.Prepared.GetOutcomes(), bounds.transactions())
		}
	case *wirepb.Vote_Refused:
		v.Refusal.Retry = answer.Refused.GetRetry()
		v.Refusal.Reason, err = reasonIn(answer.Refused.GetReason())
	default:
		err = malformed("a vote without an answer")
	}
	if err != nil {
		return protocol.Vote{}, err
	}
	return v, nil
}
