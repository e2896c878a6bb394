package replica

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/coordinator/replica/raftlog"
	"github.com/lockstep-exec/lockstep/wal"
)

// Names in the data directory, beside MemberFile and the history.
const (
	LogDirectory      = "log"
	SnapshotDirectory = "snapshots"
)

// ErrMismatch is wrapped when the parts of a data directory and the command line
// do not belong together. Nothing was changed.
var ErrMismatch = errors.New("data directory refused")

func mismatch(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMismatch}, args...)...)
}

// openDirectory makes sure that the data directory is that of this member.
func (r *Replica) openDirectory() error {
	dir := r.options.Directory
	if err := wal.MakeDir(dir); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := checkPlain(dir); err != nil {
		return err
	}
	name, id, ok, err := readMember(dir)
	switch {
	case err != nil:
		return err
	case ok && name != r.options.Name:
		return mismatch("%s belongs to the coordinator %s: give --name %s, or another --data", dir, name, name)
	case ok:
		r.directory = id
		return nil
	}
	if err := refuseOlder(dir); err != nil {
		return err
	}
	// First, so that a directory that says whose it is has votes too.
	if err := raftlog.CreateStable(dir); err != nil && !errors.Is(err, raftlog.ErrExist) {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if r.directory, err = createMember(dir, r.options.Name); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	r.logger.Info("made a data directory", "member", r.options.Name, "directory", r.directory)
	return nil
}

// checkPlain refuses what is no file of ours, before it is opened.
func checkPlain(dir string) error {
	err := wal.CheckPlain(dir, LogDirectory, SnapshotDirectory)
	if errors.Is(err, wal.ErrNotPlain) {
		return fmt.Errorf("%w: %w", ErrMismatch, err)
	}
	return err
}

// refuseLost refuses a directory whose log is gone.
func refuseLost(dir string) error {
	_, noLog := os.Lstat(filepath.Join(dir, LogDirectory))
	_, noHistory := os.Lstat(filepath.Join(dir, history.FileName))
	if errors.Is(noLog, fs.ErrNotExist) && noHistory == nil {
		return mismatch("%s holds a history but no log: the log held decisions that the history lacks; bring the folder %q back, or replace this coordinator by an empty one under a new name", dir, LogDirectory)
	}
	return nil
}

// refuseOlder refuses a directory that holds something, but not whose it is.
func refuseOlder(dir string) error {
	for _, name := range []string{history.FileName, LogDirectory, SnapshotDirectory} {
		_, err := os.Lstat(filepath.Join(dir, name))
		if err == nil {
			return mismatch("%s holds %s but no %s: it was written by a release before coordinators had replicas, or the file is lost; run that release on it, or bring the file back", dir, name, MemberFile)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// checkHistory refuses a history and a log of which one is older than the other.
// last is the end of the log, or of the snapshot if that is newer.
func checkHistory(dir string, meta history.Meta, last uint64) error {
	switch {
	case meta.Log.ID != [16]byte(meta.Config.Cluster):
		return mismatch("%s holds a history that was not written beside a replicated log: bring back the history that goes with the log", dir)
	case last == 0:
		return mismatch("%s holds a history but no log: the log held decisions that the history lacks; bring the folder %q back, or replace this coordinator by an empty one under a new name", dir, LogDirectory)
	case last < meta.Log.Forced:
		return mismatch("%s holds a log that is older than its history: the log ends at entry %d, the history was written when entry %d was committed; bring the newer log back, or replace this coordinator by an empty one under a new name",
			dir, last, meta.Log.Forced)
	}
	return nil
}

// checkFirst refuses a log that does not reach back to its snapshot. first is the
// index of its first entry, 0 if there is none, and snapshot that of the snapshot,
// 0 if there is none.
func checkFirst(dir string, first, snapshot uint64) error {
	if first <= snapshot+1 {
		return nil
	}
	if snapshot == 0 {
		return mismatch("%s holds a log that begins at entry %d, and no snapshot of what came before: bring the folder %q back, or replace this coordinator by an empty one under a new name",
			dir, first, SnapshotDirectory)
	}
	return mismatch("%s holds a log that begins at entry %d, and its newest snapshot is of entry %d: bring the folder %q back, or replace this coordinator by an empty one under a new name",
		dir, first, snapshot, SnapshotDirectory)
}

// IsNew reports whether a data directory is one that Open would make.
func IsNew(dir string) (bool, error) {
	if err := checkPlain(dir); err != nil {
		return false, err
	}
	_, _, ok, err := readMember(dir)
	return !ok, err
}
