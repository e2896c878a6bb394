package executor

import (
	"context"
	"time"

	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// ListPrepared gives what this shard has promised, also while the coordinator is
// away, and in quarantine.
func (s *shardService) ListPrepared(context.Context, *wirepb.ShardServiceListPreparedRequest) (*wirepb.ShardServiceListPreparedResponse, error) {
	now := time.Now()
	out := &wirepb.ShardServiceListPreparedResponse{Status: s.shard.Entry()}
	for _, p := range s.shard.core.Status().Prepared {
		out.Prepared = append(out.Prepared, &wirepb.PreparedEvidence{
			Attempt: wire.Attempt(p.Attempt), Parent: wire.Attempt(p.Parent), BlockId: p.Block[:], StateDigest: p.Digest[:],
			Transactions: uint64(p.Outcomes.Len()), OutcomeCounts: wire.OutcomeCounts(p.Outcomes), WritesBytes: uint64(p.WritesBytes),
			PreparedUnixMs: uint64(max(0, p.Since.UnixMilli())), AgeMs: wire.PreparedAttempt(p.Attempt, p.Since, now).AgeMs,
			LogSequence: p.Sequence, BeforeRestart: p.Since.Before(s.shard.opened),
		})
	}
	return out, nil
}
