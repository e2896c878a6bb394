package coordinator

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// Offline is what the data directory of a stopped coordinator holds: what a
// start would bring back, from history and log together.
type Offline struct {
	State protocol.CoordinatorState
	Kept  protocol.Height // in the history
	Log   wal.Assessment
}

// ReadOffline reads the data directory of a stopped coordinator, and changes
// nothing. It refuses what a start would refuse, and a directory that is in
// use (history.ErrLocked).
func ReadOffline(dir string) (*Offline, error) {
	h, err := history.OpenReadOnly(dir)
	if err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	o, err := readOffline(dir, h)
	return o, errors.Join(err, h.Close())
}

func readOffline(dir string, h *history.History) (*Offline, error) {
	path := filepath.Join(dir, LogDirectory)
	log, err := wal.Assess(path)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	if err := belongTogether(dir, 0, h.Meta(), logEnds{id: log.ID, first: log.First, last: log.Last}); err != nil {
		return nil, err
	}
	replay, err := newReplay(h)
	if err != nil {
		return nil, err
	}
	keep := h.Meta().Log.Keep
	_, err = wal.Scan(path, func(f wal.Found) error {
		if f.Problem != nil || f.Seq < keep || f.Seq > log.Last {
			return nil // a tail that a start would cut, or records that are not needed
		}
		return replay.add(f.Seq, wal.Record{Type: f.Record.Type, Data: bytes.Clone(f.Record.Data)})
	})
	o := &Offline{Kept: h.Height(), Log: log}
	if err == nil {
		o.State, err = replay.recovery.Finish()
	}
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return o, nil
}
