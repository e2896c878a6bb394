package coordinator

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// logEnds is which log, and from where to where it goes.
type logEnds struct {
	id          wal.ID
	first, last uint64
}

// belongTogether refuses a history and a log of which one is older or newer
// than the other. shards is what the command line says, 0 for nothing.
func belongTogether(dir string, shards int, meta history.Meta, log logEnds) error {
	switch {
	case shards != 0 && shards != meta.Config.Shards():
		return mismatch("%s belongs to a cluster of %d shards, and the number cannot be changed: give --shards %d, or another --data",
			dir, meta.Config.Shards(), meta.Config.Shards())
	case meta.Log.ID != [16]byte(log.id):
		return mismatch("%s holds a history and a log that do not belong together: bring back the log that goes with the history", dir)
	case log.first > meta.Log.Keep:
		return mismatch("%s holds a history that is older than its log: the log begins at record %d, the history needs record %d; bring the newer history back",
			dir, log.first, meta.Log.Keep)
	case log.last < meta.Log.Forced:
		return mismatch("%s holds a log that is older than its history: the log ends at record %d, the history was written when record %d was durable; bring the newer log back",
			dir, log.last, meta.Log.Forced)
	}
	return nil
}

// replay rebuilds what a coordinator knows from its history and its log.
type replay struct {
	recovery  *protocol.CoordinatorRecovery
	positions *Positions
}

func newReplay(h History) (*replay, error) {
	from, err := h.State()
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	r := &replay{recovery: protocol.NewCoordinatorRecovery(from), positions: newPositions()}
	for s, d := range from.Joined {
		r.positions.joined[s] = d
	}
	r.positions.epoch = from.Epoch
	return r, nil
}

func (r *replay) add(seq uint64, raw wal.Record) error {
	rec, err := protocol.DecodeRecord(protocol.RecordType(raw.Type), raw.Data)
	if err != nil {
		return fmt.Errorf("record %d: %w", seq, err)
	}
	r.positions.add(rec, seq)
	if err := r.recovery.Add(rec); err != nil {
		return fmt.Errorf("record %d: %w", seq, err)
	}
	return nil
}
