package executor

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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

// openStorage opens a data directory, or makes a new one. Whether its parts
// belong together is for OpenCore to say.
func openStorage(dir string, shard protocol.ShardID, logOptions wal.Options, stateOptions state.Options) (*storage, error) {
	if err := wal.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
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
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	s := &storage{log: log}
	if err := s.openState(dir, shard, hasState, stateOptions); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// contents tells which parts there are, and refuses what is no file of ours.
func contents(dir string) (hasLog, hasState bool, err error) {
	err = wal.CheckPlain(dir, LogDirectory)
	if errors.Is(err, wal.ErrNotPlain) {
		err = fmt.Errorf("%w: %w", ErrMismatch, err)
	}
	if err != nil {
		return false, false, err
	}
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
	return nil
}

func randomID() (id [16]byte) {
	rand.Read(id[:]) // never fails: it ends the process if the system has no randomness
	return id
}

// close forces the log and gives the directory up, whatever fails.
func (s *storage) close() error { return s.closeKnowing(false) }

// closeKnowing is close for an owner who may have told already that the log
// failed.
func (s *storage) closeKnowing(logFailed bool) error {
	var err error
	if s.store != nil {
		err = s.store.Close()
	}
	if closed := s.log.Close(); !logFailed {
		err = errors.Join(err, closed)
	}
	return err
}
