package replica

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftlog"
	"github.com/lockstep-exec/lockstep/wal"
)

// logReserve is given up when the disk is full, so that a restart has room.
const logReserve = 16 << 20

// openStores opens what raft keeps in a data directory.
func openStores(o Options) (s Stores, err error) {
	if err := refuseLost(o.Directory); err != nil {
		return s, err
	}
	log, err := openLog(o)
	if err != nil {
		return s, err
	}
	stable, err := raftlog.OpenStable(o.Directory)
	switch {
	case errors.Is(err, raftlog.ErrNotExist):
		err = mismatch("%s holds no %s: the votes that this coordinator has given are lost; replace it by an empty one under a new name", o.Directory, raftlog.StableName)
	case err == nil:
		err = raftlog.Bind(log, stable)
	}
	if err != nil {
		if stable != nil {
			err = errors.Join(err, stable.Close())
		}
		return s, errors.Join(err, log.Close())
	}
	owned, err := ownership(filepath.Join(o.Directory, LogDirectory, "LOCK"))
	if err != nil {
		return s, errors.Join(err, log.Close(), stable.Close())
	}
	return Stores{
		Owned: owned,
		Log:   log, Stable: stable, Snapshots: raft.NewInmemSnapshotStore(),
		Failed: []<-chan struct{}{log.Failed(), stable.Failed()}, Err: func() error { return errors.Join(log.Err(), stable.Err()) },
		Fsyncs: log.Fsyncs, Bytes: log.SizeBytes, Trailing: log.TrailingFor,
		Close: func() error { return errors.Join(log.Close(), stable.Close()) },
	}, nil
}

func openLog(o Options) (*raftlog.Log, error) {
	log, err := raftlog.Open(filepath.Join(o.Directory, LogDirectory), raftlog.Options{
		Wal: wal.Options{ReserveBytes: logReserve, Forced: o.Forced},
	})
	if errors.Is(err, wal.ErrLocked) {
		return nil, fmt.Errorf("another process uses the data directory %s: stop it, or give another --data: %w", o.Directory, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	for _, r := range log.Repairs() {
		o.Logger.Warn("mended the log", "what", r.String())
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
