package wire

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// RetryLater gives an error that says that the call may succeed if it is made
// again after a while. Code is Unavailable or ResourceExhausted.
func RetryLater(code codes.Code, after time.Duration, reason string) error {
	s := status.New(code, reasonOut(reason))
	if detailed, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)}); err == nil {
		s = detailed
	}
	return s.Err()
}

// RetryAfter reports whether an error says that the call may succeed if it is
// made again, and after what wait.
func RetryAfter(err error) (wait time.Duration, retry bool) {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}

// ClusterStatus gives what a coordinator knows as a message. The caller fills
// in the program's version.
func ClusterStatus(s protocol.CoordinatorStatus, now time.Time) *wirepb.ClusterStatus {
	out := &wirepb.ClusterStatus{
		Cluster: s.Config.Cluster[:], Epoch: uint64(s.Epoch), Root: make([]byte, len(protocol.Digest{})),
		QueuedBlocks: uint64(s.Queued), QueuedBytes: uint64(s.QueueBytes), Config: Config(s.Config),
	}
	if s.Decided != nil {
		out.Height, out.Root = uint64(s.Decided.Height()), s.Decided.Root[:]
	}
	if s.Quarantine != nil {
		out.Quarantined = reasonOut(s.Quarantine.Error())
	}
	for _, b := range s.InFlight {
		out.InFlight = append(out.InFlight, inFlight(b, now))
	}
	for i, p := range s.Shards {
		out.Shards = append(out.Shards, shardStatus(protocol.ShardID(i), p, s, now))
	}
	return out
}

func inFlight(b protocol.BlockStatus, now time.Time) *wirepb.InFlight {
	out := &wirepb.InFlight{
		Height: uint64(b.Height), Epoch: uint64(b.Attempt.Epoch), Attempt: b.Attempt.Attempt,
		Phase: string(b.Phase), Key: b.Key, AgeMs: age(b.UnderWay, now),
	}
	for _, s := range b.Missing {
		out.WaitingFor = append(out.WaitingFor, uint32(s))
	}
	return out
}

func age(since, now time.Time) uint64 {
	if since.IsZero() || now.Before(since) {
		return 0
	}
	return uint64(now.Sub(since).Milliseconds())
}

func shardStatus(id protocol.ShardID, p protocol.ShardStatus, s protocol.CoordinatorStatus, now time.Time) *wirepb.ShardStatus {
	out := &wirepb.ShardStatus{
		Id: uint32(id), CommittedHeight: uint64(p.Committed), CheckpointedHeight: uint64(p.Checkpointed),
		StateDigest: p.Digest[:], Address: p.Address,
	}
	if p.Joined {
		out.Directory = p.Directory[:]
	}
	out.State, out.Reason = seen(p, s)
	out.FirstSlot, out.LastSlot = SlotRange(s.Config.Slots, id)
	for _, b := range p.Prepared {
		out.Prepared = append(out.Prepared, PreparedAttempt(b.Attempt, b.Since, now))
	}
	return out
}

// lag is how far behind the decided height a shard is under load without being
// said to catch up: commits and their acknowledgements are on their way.
const lag = protocol.DefaultWindow

// seen says what a shard is doing, as far as its coordinator can see.
func seen(p protocol.ShardStatus, s protocol.CoordinatorStatus) (wirepb.ShardState, string) {
	switch {
	case p.Quarantined != "":
		return wirepb.ShardState_SHARD_STATE_QUARANTINED, reasonOut(p.Quarantined)
	case p.Rejected != nil && p.Rejected.Kind.Quarantines():
		return wirepb.ShardState_SHARD_STATE_QUARANTINED, reasonOut(p.Rejected.Reason)
	case !p.Connected && p.Rejected != nil:
		return wirepb.ShardState_SHARD_STATE_DISCONNECTED, reasonOut(p.Rejected.Reason)
	case !p.Connected:
		return wirepb.ShardState_SHARD_STATE_DISCONNECTED, ""
	case s.Decided != nil && p.Committed+lag < s.Decided.Height():
		return wirepb.ShardState_SHARD_STATE_CATCHING_UP, ""
	case p.Executing:
		return wirepb.ShardState_SHARD_STATE_EXECUTING, reasonOut(p.Refusal)
	}
	return wirepb.ShardState_SHARD_STATE_READY, reasonOut(p.Refusal)
}

// PreparedAttempt gives a prepared attempt as a message; a zero since means
// that nobody knows since when.
func PreparedAttempt(a protocol.AttemptID, since, now time.Time) *wirepb.PreparedAttempt {
	return &wirepb.PreparedAttempt{Height: uint64(a.Height), Epoch: uint64(a.Epoch), Attempt: a.Attempt, AgeMs: age(since, now)}
}

// SlotRange gives the first and the last slot of a shard; zeros for a shard
// that the table does not have.
func SlotRange(t protocol.SlotTable, s protocol.ShardID) (first, last uint32) {
	starts := t.Starts()
	if int(s) >= len(starts) {
		return 0, 0
	}
	last = protocol.SlotCount - 1
	if int(s)+1 < len(starts) {
		last = uint32(starts[s+1]) - 1
	}
	return uint32(starts[s]), last
}
