package raftlog

import (
	"errors"
	"fmt"
	"io/fs"
)

// Sentinels, to be tested with errors.Is. Errors of package wal come through
// wrapped: wal.ErrLocked and wal.ErrFormat from Open, wal.ErrRecord and
// wal.ErrNoSpace from StoreLogs, which have changed nothing.
var (
	// ErrPoisoned: a write failed, or something stored cannot be read. What
	// the disk holds is unknown until the next start has looked.
	ErrPoisoned = errors.New("raft storage is poisoned by an earlier failure, restart the process")

	// ErrClosed: Close was called before.
	ErrClosed = errors.New("raft storage is closed")

	// ErrDamaged: what is stored is not what was written, or is not all of it.
	// The records of the log are checked by package wal too, whose
	// wal.ErrDamaged is another error.
	ErrDamaged = errors.New("raft storage is damaged, replace this coordinator by an empty one")

	// ErrOrder: entries that do not continue the log, or a range whose removal
	// would leave a hole. Nothing was changed.
	ErrOrder = errors.New("raft log entries are out of order")

	// ErrNotExist: the directory holds no stable store. It is fs.ErrNotExist too.
	ErrNotExist = fmt.Errorf("no raft votes and terms: %w", fs.ErrNotExist)

	// ErrExist: CreateStable found one. It is fs.ErrExist too.
	ErrExist = fmt.Errorf("raft votes and terms exist: %w", fs.ErrExist)

	// ErrLocked: somebody else has the stable store open.
	ErrLocked = errors.New("raft votes and terms are in use by another process")

	// ErrStrangers: log and stable store are not of one coordinator.
	ErrStrangers = errors.New("raft log and raft votes do not belong together, restore both or replace this coordinator by an empty one")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}
