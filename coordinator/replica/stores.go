package replica

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftlog"
	"github.com/lockstep-exec/lockstep/coordinator/replica/raftsnap"
	"github.com/lockstep-exec/lockstep/wal"
)

// cacheBytes bounds the newest entries that are kept in memory: those that the
// slowest of the members that keep up may still be sent.
const cacheBytes = 4 << 20

// logReserve is given up when the disk is full, so that a restart has room.
const logReserve = 16 << 20

// openStores opens what raft keeps in a data directory.
func openStores(o Options, h *History) (s Stores, err error) {
	if err := refuseLost(o.Directory); err != nil {
		return s, err
	}
	log, err := openLog(o)
	if err != nil {
		return s, err
	}
	s = Stores{Log: log, Fsyncs: log.Fsyncs, Bytes: log.SizeBytes, Trailing: log.TrailingFor, Close: log.Close}
	stable, err := openStable(o.Directory, log)
	if err != nil {
		return s, err
	}
	s.Stable = stable
	s.Failed = []<-chan struct{}{log.Failed(), stable.Failed()}
	s.Err = func() error { return errors.Join(log.Err(), stable.Err()) }
	s.Close = func() error { return errors.Join(log.Close(), stable.Close()) }
	snapshots, err := openSnapshots(o, h, log)
	if err != nil {
		return s, err
	}
	s.Snapshots, s.Newest = snapshots, snapshots.Newest
	s.Owned, err = ownership(filepath.Join(o.Directory, LogDirectory, "LOCK"))
	return s, err
}

// openStable opens the votes that go with a log.
func openStable(dir string, log *raftlog.Log) (*raftlog.Stable, error) {
	stable, err := raftlog.OpenStable(dir)
	if err != nil {
		return nil, stableError(dir, err)
	}
	if err := raftlog.Bind(log, stable); err != nil {
		return nil, errors.Join(stableError(dir, err), stable.Close())
	}
	return stable, nil
}

// stableError tells votes that do not belong to the log from votes that are
// damaged.
func stableError(dir string, err error) error {
	switch {
	case errors.Is(err, raftlog.ErrNotExist):
		return mismatch("%s holds no %s: the votes that this coordinator has given are lost; replace it by an empty one under a new name", dir, raftlog.StableName)
	case errors.Is(err, raftlog.ErrStrangers):
		return fmt.Errorf("%w: %w", ErrMismatch, err)
	}
	return err
}

// openSnapshots opens the snapshots; one that goes to another member takes the
// history along. The log must reach back to the newest one, or to the beginning;
// what a crash has left of the log of before it goes.
func openSnapshots(o Options, h *History, log *raftlog.Log) (*raftsnap.Store, error) {
	store, err := raftsnap.Open(filepath.Join(o.Directory, SnapshotDirectory), raftsnap.Options{Appendix: h.Copy})
	if err != nil {
		return nil, fmt.Errorf("open the snapshots: %w", err)
	}
	newest, err := store.Newest()
	if err != nil {
		return nil, err
	}
	var last raft.SnapshotMeta // zero if there is none
	if newest != nil {
		last = newest.Meta
	}
	first, err := log.FirstIndex()
	if err == nil {
		err = checkFirst(o.Directory, first, last.Index)
	}
	if err != nil {
		return nil, err
	}
	if _, err := log.Align(last.Index, last.Term); err != nil {
		return nil, fmt.Errorf("bring log and snapshot together: %w", err)
	}
	return store, nil
}

func openLog(o Options) (*raftlog.Log, error) {
	log, err := raftlog.Open(filepath.Join(o.Directory, LogDirectory), raftlog.Options{
		Wal: wal.Options{ReserveBytes: logReserve, Forced: o.Forced}, CacheBytes: cacheBytes,
	})
	if errors.Is(err, wal.ErrLocked) {
		return nil, fmt.Errorf("another process uses the data directory %s: stop it, or give another --data: %w", o.Directory, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	for _, r := range log.Repairs() {
		o.Logger.Warn("mended the log", "change", r.String())
	}
	return log, nil
}

// ownership gives a check that a locked file is still at its place: nobody else
// can append while this process holds the lock, unless the folder was moved away
// and replaced.
func ownership(lock string) (func() error, error) {
	locked, err := os.Stat(lock)
	if err != nil {
		return nil, fmt.Errorf("look at the lock of the log: %w", err)
	}
	return func() error {
		if now, err := os.Stat(lock); err != nil || !os.SameFile(now, locked) {
			return fmt.Errorf("%s is not the file this coordinator locked; its data directory was moved or replaced", lock)
		}
		return nil
	}, nil
}
