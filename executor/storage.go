package executor

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// LogDirectory is the name of the log's folder in a shard's data directory.
const LogDirectory = "log"

// ErrMismatch is wrapped when database, log and command line do not belong
// together. Nothing was changed.
var ErrMismatch = errors.New("data directory refused")

func mismatch(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMismatch}, args...)...)
}

// storage is a shard's data directory: the log, and the database beside it.
type storage struct {
	log   *wal.Log
	store *state.Store
}

// openStorage opens a data directory, or makes a new one, and checks that its
// parts belong together: a database goes with one log, and neither may be
// older or newer than the other.
func openStorage(dir string, shard protocol.ShardID, logOptions wal.Options, stateOptions state.Options) (*storage, error) {
	if err := makeDirectory(dir); err != nil {
		return nil, err
	}
	hasLog, hasState, err := contents(dir)
	if err != nil {
		return nil, err
	}
	if hasState && !hasLog {
		return nil, mismatch("%s holds a database but no log: the log held what the database lacks; bring the folder %q back", dir, LogDirectory)
	}
	log, err := wal.Open(filepath.Join(dir, LogDirectory), logOptions)
	if errors.Is(err, wal.ErrLocked) {
		return nil, fmt.Errorf("another process uses the data directory %s: stop it, or give another --data: %w", dir, err)
	}
	if errors.Is(err, wal.ErrLocked) {
		return nil, fmt.Errorf("%s is in use: another shard runs on it; stop that one, or give another --data: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	s := &storage{log: log}
	if err := s.openState(dir, shard, hasState, stateOptions); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func makeDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	return nil
}

func contents(dir string) (hasLog, hasState bool, err error) {
	if hasLog, err = exists(filepath.Join(dir, LogDirectory)); err != nil {
		return false, false, err
	}
	hasState, err = exists(filepath.Join(dir, state.FileName))
	return hasLog, hasState, err
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (s *storage) openState(dir string, shard protocol.ShardID, has bool, options state.Options) error {
	if !has {
		if s.log.First() <= s.log.Last() || s.log.First() > 1 {
			return mismatch("%s holds a log with records but no database: bring the file %s back", dir, state.FileName)
		}
		fresh := state.Checkpoint{Shard: shard, Directory: protocol.DirectoryID(randomID()), Log: state.LogPosition{ID: s.log.ID(), Keep: 1}}
		if err := state.Create(dir, fresh, options); err != nil {
			return fmt.Errorf("make the database: %w", err)
		}
	}
	store, err := state.Open(dir, options)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	s.store = store
	return s.belongTogether(dir, shard)
}

func randomID() (id [16]byte) {
	rand.Read(id[:]) // never fails: it ends the process if the system has no randomness
	return id
}

func (s *storage) belongTogether(dir string, shard protocol.ShardID) error {
	return belongTogether(dir, s.store.Checkpoint(), shard, logEnds{id: s.log.ID(), first: s.log.First(), last: s.log.Last()})
}

// logEnds is which log, and from where to where it goes.
type logEnds struct {
	id          wal.ID
	first, last uint64
}

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

// recover reads the log on top of the database.
func (s *storage) recover() (protocol.ShardState, map[protocol.AttemptID]uint64, error) {
	cp := s.store.Checkpoint()
	r := newReplay(cp)
	err := s.log.Replay(cp.Log.Keep, r.add)
	var st protocol.ShardState
	if err == nil {
		st, err = r.recovery.Finish()
	}
	if err != nil {
		return st, nil, fmt.Errorf("read the log: %w", err)
	}
	return st, r.positions, nil
}

// restoreCommitted makes what was committed above the checkpoint visible again.
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

func (s *storage) close() error {
	var err error
	if s.store != nil {
		err = s.store.Close()
	}
	return errors.Join(err, s.log.Close())
}

// staging adapts the store for the runner.
type staging struct {
	*state.Store
	damaged func(error) // told when a read finds damage; nil for nobody
}

// parallelReads is how many keys make it worth while to read on several cores.
const parallelReads = 512

func (s staging) Read(asOf protocol.Height, keys [][]byte) ([]Value, error) {
	view, err := s.View(asOf)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	values := make([]Value, len(keys))
	workers := min(defaultWorkers(), 1+len(keys)/parallelReads)
	errs := make([]error, workers)
	var group sync.WaitGroup
	for w := range workers {
		from, to := w*len(keys)/workers, (w+1)*len(keys)/workers
		group.Go(func() { errs[w] = readKeys(view, keys[from:to], values[from:to]) })
	}
	group.Wait()
	err = errors.Join(errs...)
	tellDamage(err, s.damaged)
	return values, err
}

// tellDamage passes on that the database does not hold what was written to it.
func tellDamage(err error, damaged func(error)) {
	if damaged != nil && errors.Is(err, state.ErrDamaged) {
		damaged(err)
	}
}

func readKeys(view *state.View, keys [][]byte, values []Value) error {
	for i, key := range keys {
		b, ok, err := view.Get(key)
		if err != nil {
			return err
		}
		values[i] = Value{Bytes: b, Present: ok}
	}
	return nil
}

func (s staging) Backlog() int64 { return s.PendingBytes() }
