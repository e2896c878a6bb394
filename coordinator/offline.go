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

// Offline is the data directory of a stopped coordinator, opened to be looked
// at: what a start would bring back, from history and log together. Nothing on
// the disk is changed.
type Offline struct {
	State   protocol.CoordinatorState
	Kept    protocol.Height // in the history
	Log     wal.Assessment
	history *history.History
}

// ReadOffline opens the data directory of a stopped coordinator. It refuses
// what a start would refuse, except for what only history.Verify finds, and a
// directory that is in use (history.ErrLocked).
func ReadOffline(dir string) (*Offline, error) {
	h, err := history.OpenReadOnly(dir)
	if err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	o, err := readOffline(dir, h)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return o, nil
}

// Height is the newest decided height.
func (o *Offline) Height() protocol.Height {
	if d := o.State.Decided; d != nil {
		return d.Height()
	}
	return 0
}

// Decision gives the decision for a height; ok is false if there is none.
func (o *Offline) Decision(h protocol.Height) (d *protocol.Decision, ok bool, err error) {
	if above := o.State.Decisions; len(above) > 0 && h >= above[0].Height() {
		if i := h - above[0].Height(); i < protocol.Height(len(above)) {
			return above[i], true, nil
		}
		return nil, false, nil
	}
	return o.history.ByHeight(h)
}

// Close lets go of the directory.
func (o *Offline) Close() error { return o.history.Close() }

func readOffline(dir string, h *history.History) (*Offline, error) {
	path := filepath.Join(dir, LogDirectory)
	hasLog, err := exists(path)
	if err == nil && !hasLog {
		err = mismatch("%s holds a history but no log: the log held decisions that the history lacks; bring the folder %q back", dir, LogDirectory)
	}
	if err != nil {
		return nil, err
	}
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
	o := &Offline{Kept: h.Height(), Log: log, history: h}
	if err == nil {
		o.State, err = replay.recovery.Finish()
	}
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return o, o.checkUndecided()
}

// checkUndecided reads the blocks that a start would run again.
func (o *Offline) checkUndecided() error {
	for _, p := range o.State.Pending {
		if _, err := protocol.DecodeBody(p.Body, o.State.Config.Limits); err != nil {
			return fmt.Errorf("block %q in the log: %w", p.Key, err)
		}
	}
	return nil
}
