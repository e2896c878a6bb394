package coordinator

import (
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// keepBatch is the most decisions in one transaction of the history.
const keepBatch = 4096

// keeper moves decisions into the history, and trims the log behind them.
type keeper struct {
	archive   *archive
	positions *Positions
	log       DecisionLog
	config    protocol.Config
	logID     [16]byte
	retain    protocol.Height        // heights whose bodies stay in the log
	lowest    func() protocol.Height // lowest height a resync may ask for
	told      func(protocol.Height)  // the history is durable up to here
}

// keep moves what waits. The decisions are forced already: nothing is decided
// before its record is durable.
func (k *keeper) keep() error {
	for {
		batch := k.archive.waiting()
		if len(batch) == 0 {
			return nil
		}
		newest := batch[len(batch)-1].Height()
		meta := k.meta(newest)
		err := k.archive.history.Append(meta, batch)
		if errors.Is(err, history.ErrNoSpace) {
			return nil // tried again soon; the log holds them until then
		}
		if err != nil {
			return fmt.Errorf("keep decisions in the history: %w", err)
		}
		k.archive.kept(len(batch))
		k.told(newest)
		if err := k.log.Trim(meta.Log.Keep); err != nil && !errors.Is(err, wal.ErrNoSpace) {
			return fmt.Errorf("trim the log: %w", err)
		}
	}
}

// meta tells what a restart needs besides the decisions. The log is needed
// from the lowest height that a resync may ask for, that is not kept longer as
// configured, or that the history will not hold yet.
func (k *keeper) meta(newest protocol.Height) history.Meta {
	_, durable := k.log.Position()
	lowest := min(k.lowest(), newest+1)
	if lowest > k.retain {
		lowest -= k.retain
	} else {
		lowest = 0
	}
	position := history.LogPosition{ID: k.logID, Keep: k.positions.keep(lowest, durable+1), Forced: durable}
	// Read last, so that no record before Keep is missing in it.
	epoch, joined := k.positions.standing()
	return history.Meta{Config: k.config, Epoch: epoch, Joined: joined, Log: position}
}
