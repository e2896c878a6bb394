package recovery

import (
	"errors"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/coordinator/replica/raftlog"
	"github.com/lockstep-exec/lockstep/coordinator/replica/raftsnap"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// What to do, in the words of docs/recovery.md.
const (
	doKeepAll     = "Keep a copy of the directory as it is before you do anything, and do not start it with a file taken away"
	doLog         = doKeepAll + "; bring the damaged file of the log back from a copy that is at least as new"
	doDatabase    = doKeepAll + "; bring the whole directory, database and log, back from one copy, and check it with verify --coordinator"
	doHistory     = doKeepAll + "; bring history and log back from one copy that is at least as new as every shard (see compare)"
	doReplace     = doKeepAll + "; one of several coordinators is best replaced by an empty one under a new name, a single one needs the whole directory back from one copy that is at least as new as every shard (see compare)"
	doRelease     = "Use the release that wrote it, or a newer one; nothing was changed"
	doTogether    = "Bring the part back that belongs to the others, as the finding says; nothing was changed"
	doOrder       = doKeepAll + "; the log is not the one that belongs to what stands beside it: bring back the pair from one copy"
	doDivergence  = "Stop the shard, keep its directory and that of the coordinator as they are, and find out with compare where they part"
	doLostData    = "Do not let this shard vote: bring a copy of its directory back that is at least as new; the coordinator refuses this one"
	doCoordinator = "Ask the newest coordinator; if this is the newest, its own directory is an old copy: bring the newer one back"
	doCluster     = "Give the shard the coordinator of its own cluster"
)

// advice gives the part that an error is about, and what to do.
func advice(err error) (Part, string) {
	switch {
	case errors.Is(err, wal.ErrFormat):
		return PartLog, doRelease
	case errors.Is(err, state.ErrFormat):
		return PartDatabase, doRelease
	case errors.Is(err, history.ErrFormat):
		return PartHistory, doRelease
	case errors.Is(err, wal.ErrDamaged):
		return PartLog, doLog
	case errors.Is(err, state.ErrDamaged):
		return PartDatabase, doDatabase
	case errors.Is(err, history.ErrDamaged):
		return PartHistory, doHistory
	case errors.Is(err, executor.ErrMismatch), errors.Is(err, coordinator.ErrMismatch):
		return PartDirectory, doTogether
	case errors.Is(err, raftlog.ErrDamaged), errors.Is(err, raftsnap.ErrDamaged), errors.Is(err, replica.ErrHead):
		return PartDirectory, doReplace
	case errors.Is(err, protocol.ErrLogOrder), errors.Is(err, protocol.ErrMalformed):
		return PartLog, doOrder
	}
	return PartDirectory, doKeepAll
}
