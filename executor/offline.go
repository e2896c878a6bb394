package executor

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// Offline is the data directory of a stopped shard, opened to be looked at:
// what a start would bring back, from database and log together. Nothing on
// the disk is changed.
type Offline struct {
	Checkpoint state.Checkpoint
	State      protocol.ShardState
	Log        wal.Assessment
	store      *state.Store
}

// ReadOffline opens the data directory of a stopped shard. It refuses what a
// start would refuse, and a directory that is in use (state.ErrLocked).
func ReadOffline(dir string) (*Offline, error) {
	hasLog, hasState, err := contents(dir)
	switch {
	case err != nil:
		return nil, err
	case !hasState && hasLog:
		return nil, mismatch("%s holds a log with records but no database: bring the file %s back", dir, state.FileName)
	case !hasState:
		return nil, mismatch("%s holds no %s: it is not the data directory of a shard", dir, state.FileName)
	case !hasLog:
		return nil, mismatch("%s holds a database but no log: the log held what the database lacks; bring the folder %q back", dir, LogDirectory)
	}
	store, err := state.Open(dir, state.Options{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	o := &Offline{Checkpoint: store.Checkpoint(), store: store}
	if err := o.read(dir); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return o, nil
}

func (o *Offline) read(dir string) (err error) {
	log := filepath.Join(dir, LogDirectory)
	if o.Log, err = wal.Assess(log); err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	ends := logEnds{id: o.Log.ID, first: o.Log.First, last: o.Log.Last}
	if err := belongTogether(dir, o.Checkpoint, o.Checkpoint.Shard, ends); err != nil {
		return err
	}
	if err := o.replayLog(log); err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	if err := restoreCommitted(o.store, o.State.Replayed); err != nil {
		return fmt.Errorf("bring back what was committed: %w", err)
	}
	return o.stageInDoubt()
}

// errVanished says that a log does not hold what it held a moment ago.
var errVanished = errors.New("the files changed meanwhile: see that nothing writes to them, and look again")

// replayLog puts the log on top of the checkpoint. It refuses unless it gets
// every record that a start would replay: one that is passed over in silence
// would make a shard that lost data of one that did not.
func (o *Offline) replayLog(dir string) error {
	replay, next, problem := newReplay(o.Checkpoint), max(o.Log.First, o.Checkpoint.Log.Keep), errVanished
	_, err := wal.Scan(dir, func(f wal.Found) error {
		switch {
		case f.Problem != nil && f.Seq <= o.Log.Last:
			problem = f.Problem
		case f.Problem != nil || f.Seq != next || f.Seq > o.Log.Last:
			return nil // a tail that a start would cut, or records that are not needed
		default:
			next++
			return replay.add(f.Seq, wal.Record{Type: f.Record.Type, Data: bytes.Clone(f.Record.Data)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if next != o.Log.Last+1 {
		return fmt.Errorf("record %d of %d cannot be read: %w", next, o.Log.Last, problem)
	}
	o.State, err = replay.recovery.Finish()
	return err
}

// restoreCommitted makes every height visible that was committed above the
// checkpoint, each by itself, so that it can be verified.
func restoreCommitted(store *state.Store, commits []protocol.ReplayedCommit) error {
	for _, c := range commits {
		writes, err := protocol.DecodeWrites(c.Prepared.Writes)
		if err != nil {
			return err
		}
		if err := store.Stage(c.Height(), writes); err != nil {
			return err
		}
		if err := store.Commit(c.Committed); err != nil {
			return err
		}
	}
	return nil
}

// stageInDoubt brings back the attempts in doubt as a start would, and finds
// out so whether it could.
func (o *Offline) stageInDoubt() error {
	for _, p := range o.State.Prepared {
		writes, err := protocol.DecodeWrites(p.Writes)
		if err == nil {
			err = o.store.Stage(p.Attempt.Height, writes)
		}
		if err == nil {
			err = eachPushed(p.Pushed, func(protocol.ShardID, []byte) {})
		}
		if err != nil {
			return fmt.Errorf("bring back attempt %s: %w", p.Attempt, err)
		}
	}
	return nil
}

// Committed is what the shard has committed.
func (o *Offline) Committed() protocol.Committed { return o.State.Committed }

// Scan calls fn with every pair of the committed state, ascending by key.
func (o *Offline) Scan(fn func(key, value []byte) error) error {
	_, err := o.store.Scan(fn)
	return err
}

// Close lets go of the directory.
func (o *Offline) Close() error { return o.store.Close() }
