package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// Role is whose data directory it is.
type Role string

// Roles.
const (
	RoleShard       Role = "shard"
	RoleCoordinator Role = "coordinator"
	RoleUnknown     Role = "unknown" // an empty log and nothing else
)

// logDirectory is the folder of the log; shards and coordinators have the same.
const logDirectory = executor.LogDirectory

// ErrNoData says that a directory is nobody's data directory.
var ErrNoData = errors.New("not a data directory")

// roleOf finds out by the files whose directory it is; by the records of the
// log, if nothing else is left.
func roleOf(dir string) (Role, error) {
	if info, err := os.Stat(dir); err != nil {
		return "", err
	} else if !info.IsDir() {
		return "", fmt.Errorf("%s is a file: give the directory it is in", dir)
	}
	err := wal.CheckPlain(dir, logDirectory, replica.SnapshotDirectory)
	if errors.Is(err, wal.ErrNotPlain) {
		err = fmt.Errorf("%w: %w", executor.ErrMismatch, err)
	}
	if err != nil {
		return "", err
	}
	for name, role := range map[string]Role{replica.MemberFile: RoleCoordinator, history.FileName: RoleCoordinator, state.FileName: RoleShard} {
		if there, err := exists(filepath.Join(dir, name)); err != nil || there {
			return role, err
		}
	}
	there, err := exists(filepath.Join(dir, logDirectory))
	if err != nil {
		return "", err
	}
	if !there {
		return "", fmt.Errorf("%w: %s holds neither %s nor %s nor a folder %q", ErrNoData, dir, state.FileName, history.FileName, logDirectory)
	}
	return roleOfLog(filepath.Join(dir, logDirectory))
}

// errEnough ends a scan early.
var errEnough = errors.New("enough")

func roleOfLog(dir string) (Role, error) {
	role := RoleUnknown
	_, err := wal.Scan(dir, func(f wal.Found) error {
		if f.Problem != nil {
			return nil
		}
		role = RoleShard
		if protocol.RecordType(f.Record.Type) >= protocol.RecordCreated {
			role = RoleCoordinator
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) && !IsDamage(err) {
		return "", err
	}
	return role, nil
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
