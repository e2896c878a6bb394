package executor

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// logEnds is which log, and from where to where it goes.
type logEnds struct {
	id          wal.ID
	first, last uint64
}

// belongTogether refuses a database and a log of which one is another shard's,
// or older or newer than the other. dir is where they are, for people.
func belongTogether(dir string, cp state.Checkpoint, shard protocol.ShardID, log logEnds) error {
	switch {
	case cp.Shard != shard:
		return mismatch("%s belongs to shard %d, not to shard %d: start it with --id %d, or give another --data", dir, cp.Shard, shard, cp.Shard)
	case cp.Log.ID != [16]byte(log.id):
		return mismatch("%s holds a database and a log that do not belong together: bring back the log that goes with the database", dir)
	case log.first > cp.Log.Keep:
		return mismatch("%s holds a database that is older than its log: the log begins at record %d, the database needs record %d; bring the newer database back",
			dir, log.first, cp.Log.Keep)
	case log.last < cp.Log.Forced:
		return mismatch("%s holds a log that is older than its database: the log ends at record %d, the database was written when record %d was durable; bring the newer log back",
			dir, log.last, cp.Log.Forced)
	}
	return nil
}

// replay rebuilds what a shard knows from its database and its log.
type replay struct {
	recovery *protocol.ShardRecovery
	// positions has the sequence of the Prepared record of every attempt that
	// a later checkpoint may need.
	positions map[protocol.AttemptID]uint64
}

func newReplay(cp state.Checkpoint) *replay {
	return &replay{
		recovery:  protocol.NewShardRecovery(cp.Config, cp.Epoch, cp.Committed),
		positions: map[protocol.AttemptID]uint64{},
	}
}

func (r *replay) add(seq uint64, raw wal.Record) error {
	rec, err := protocol.DecodeRecord(protocol.RecordType(raw.Type), raw.Data)
	if err != nil {
		return fmt.Errorf("record %d: %w", seq, err)
	}
	if p, ok := rec.(*protocol.Prepared); ok {
		r.positions[p.Attempt] = seq
	}
	if err := r.recovery.Add(rec); err != nil {
		return fmt.Errorf("record %d: %w", seq, err)
	}
	return nil
}

// recoverState reads the log on top of the database, and makes what was
// committed above the checkpoint visible again in the store. positions gives the
// sequence of the Prepared record of each attempt above the checkpoint.
func recoverState(cp state.Checkpoint, log ReplayLog, store *state.Store, hold int) (st protocol.ShardState, positions map[protocol.AttemptID]uint64, err error) {
	r := newReplay(cp)
	restorer := store.Restore(hold)
	r.recovery.Tell(func(c protocol.ReplayedCommit) error { return restorer.Add(c.Committed, c.Prepared.Writes) })
	if err = log.Replay(cp.Log.Keep, r.add); err == nil {
		st, err = r.recovery.Finish()
	}
	restoreErr := restorer.Finish()
	switch {
	case err != nil:
		return st, nil, fmt.Errorf("read the log: %w", err)
	case restoreErr != nil:
		return st, nil, fmt.Errorf("bring back what was committed: %w", restoreErr)
	}
	return st, r.positions, nil
}
