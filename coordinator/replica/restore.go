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

// Restore implements raft.FSM: it takes over the state and, if this replica lacks
// decisions below it, the history that comes with it.
func (f fsm) Restore(r io.ReadCloser) error {
	defer r.Close()
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
