package replica

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/coordinator/replica/raftsnap"
)

// receivedFile is a history that came with a snapshot and is not in place yet.
const receivedFile = history.FileName + ".received"

// ErrRestart says that this coordinator has to be started again, and that the
// start mends what is wrong.
var ErrRestart = errors.New("start this coordinator again")

// Restore implements raft.FSM: it takes over the state and, if this replica lacks
// decisions below it, the history that comes with it.
func (f fsm) Restore(r io.ReadCloser) error {
	defer r.Close()
	if err := f.refuseOverlap(); err != nil {
		return f.fail(err)
	}
	f.keeping.Lock()
	defer f.keeping.Unlock()
	head, err := raftsnap.ReadHead(r)
	if err != nil {
		return f.fail(fmt.Errorf("read the snapshot: %w", err))
	}
	s, applied, err := decodeHead(head)
	if err != nil {
		return f.fail(err)
	}
	if err := f.adoptHistory(s, applied, r); err != nil {
		return f.fail(err)
	}
	f.machine.replace(s, applied)
	return nil
}

// refuseOverlap ends this replica when the log reaches to the end of the snapshot
// that has just come, or beyond. Raft would remove all of the log, and take the end
// that it had for its own from then on (hashicorp/raft#697): it could not continue
// the snapshot, and would vote by a term that its log has not. If the log agrees
// with the snapshot, what it holds beyond may even be acknowledged.
//
// The snapshot is durable, and the log untouched. The next start keeps the log if it
// holds the last entry of the snapshot, and removes it otherwise.
func (r *Replica) refuseOverlap() error {
	snapshots, err := r.stores.Snapshots.List()
	if err != nil || len(snapshots) == 0 {
		return fmt.Errorf("look for the snapshot that came: %d are there: %w", len(snapshots), err)
	}
	last, err := r.stores.Log.LastIndex()
	if err != nil {
		return fmt.Errorf("look at the replicated log: %w", err)
	}
	if end := snapshots[0].Index; last >= end {
		return fmt.Errorf("the log ends at entry %d, and the leader sent a snapshot up to entry %d, because entries here were never committed: %w", last, end, ErrRestart)
	}
	return nil
}

// adoptHistory replaces the history by the one that follows a head, unless it has
// all that the head expects of it.
func (r *Replica) adoptHistory(s State, applied uint64, from io.Reader) error {
	if r.history.Height() >= s.Kept() {
		return nil
	}
	path := filepath.Join(r.options.Directory, receivedFile)
	size, err := receive(path, from)
	if err == nil && size == 0 {
		err = fmt.Errorf("the snapshot builds on a history up to height %d and brings none, but the history here ends at height %d", s.Kept(), r.history.Height())
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(path))
	}
	if before := r.history.set(nil); before != nil {
		if err := before.Close(); err != nil {
			return err
		}
	}
	at := history.LogPosition{ID: s.Config.Cluster, Keep: applied + 1, Forced: applied}
	if err := history.Adopt(r.options.Directory, path, s.Config.Cluster, s.Kept(), at); err != nil {
		return err
	}
	h, err := history.Open(r.options.Directory, history.Options{})
	if err != nil {
		return err
	}
	r.history.set(h)
	r.logger.Info("took over the history of another coordinator", "height", h.Height(), "bytes", size)
	return nil
}

// receive writes what comes to a file and forces it.
func receive(path string, from io.Reader) (size int64, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("take over a history: %w", err)
	}
	size, err = io.Copy(f, from)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return size, fmt.Errorf("take over a history: %w", err)
	}
	return size, nil
}
