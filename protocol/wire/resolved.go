package wire

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// Resolved gives what was done for an operator as a message.
func Resolved(r *protocol.Resolved) *wirepb.Resolved {
	return &wirepb.Resolved{
		Height: uint64(r.Height), Attempt: Attempt(r.Attempt), Key: r.Key, Action: resolveActions[r.Action], By: r.By, Comment: r.Comment,
		Evidence: r.Evidence[:], What: reasonOut(r.What), UnixMs: r.UnixMillis,
	}
}

var resolveActions = map[protocol.ResolveAction]wirepb.ResolveAction{
	protocol.ResolveResync:   wirepb.ResolveAction_RESOLVE_ACTION_RESYNC,
	protocol.ResolveRetry:    wirepb.ResolveAction_RESOLVE_ACTION_RETRY,
	protocol.ResolveWithdraw: wirepb.ResolveAction_RESOLVE_ACTION_ABORT,
}

// ShardStatus gives a shard as its coordinator sees it.
func ShardStatus(s protocol.CoordinatorStatus, id protocol.ShardID, now time.Time) *wirepb.ShardStatus {
	return shardStatus(id, s.Shards[id], s, now)
}

// Reason makes any text fit to be sent as a reason.
func Reason(text string) string { return reasonOut(text) }
