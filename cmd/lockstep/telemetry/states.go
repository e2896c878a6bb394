package telemetry

import (
	"strings"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// shardStates are the states that a shard may say it is in.
func shardStates() []wirepb.ShardState {
	return []wirepb.ShardState{
		wirepb.ShardState_SHARD_STATE_READY, wirepb.ShardState_SHARD_STATE_EXECUTING,
		wirepb.ShardState_SHARD_STATE_WAITING_FOR_COORDINATOR, wirepb.ShardState_SHARD_STATE_IN_DOUBT,
		wirepb.ShardState_SHARD_STATE_QUARANTINED,
	}
}

// stateName is the name of a state in status and documents.
func stateName(s wirepb.ShardState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "SHARD_STATE_"))
}

// verdicts are what clients, and operators, may be told.
func verdicts() (names []string) {
	for v := protocol.VerdictCommitted; v <= protocol.VerdictRefused; v++ {
		names = append(names, verdictName(v))
	}
	return names
}

func verdictName(v protocol.Verdict) string {
	switch v {
	case protocol.VerdictCommitted:
		return "committed"
	case protocol.VerdictAborted:
		return "aborted"
	case protocol.VerdictRejected:
		return "rejected"
	case protocol.VerdictConflict:
		return "conflict"
	case protocol.VerdictOverloaded:
		return "overloaded"
	case protocol.VerdictRecheck:
		return "recheck"
	case protocol.VerdictEarly:
		return "early"
	case protocol.VerdictResolved:
		return "resolved"
	case protocol.VerdictStaysInDoubt:
		return "stays_in_doubt"
	case protocol.VerdictRefused:
		return "refused"
	}
	return "unknown"
}

// rejectKinds are why a coordinator may refuse a shard.
func rejectKinds() (names []string) {
	for k := protocol.RejectConfiguration; k <= protocol.RejectMalformed; k++ {
		names = append(names, rejectName(k))
	}
	return names
}

func rejectName(k protocol.RejectKind) string { return strings.ReplaceAll(k.String(), " ", "_") }
