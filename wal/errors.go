package wal

import (
	"errors"
	"fmt"
)

// Sentinels, to be tested with errors.Is. Every error of this package that is
// not one of them is an error of the operating system, wrapped with what was
// being done.
var (
	// ErrLocked says that another Log, here or in another process, owns the
	// directory.
	ErrLocked = errors.New("log directory is in use")

	// ErrDamaged says that records which may have been acknowledged are
	// missing or unreadable. Nothing was changed. The details are a
	// *DamageError.
	ErrDamaged = errors.New("log is damaged")

	// ErrFormat says that the log was written in a format that this release
	// does not know. Nothing was changed.
	ErrFormat = errors.New("log format is not known to this release")

	// ErrPoisoned says that an earlier write, sync or truncation failed. What
	// the disk holds since then is unknown, so the log refuses all work until
	// the process has restarted and Open has looked at the files.
	ErrPoisoned = errors.New("log is poisoned by an earlier failure")

	// ErrClosed says that Close was called before.
	ErrClosed = errors.New("log is closed")

	// ErrRange says that a sequence beyond the end of the log was named. A
	// caller that trusts its own position has proof of lost records.
	ErrRange = errors.New("sequence is beyond the end of the log")

	// ErrRecord says that a record cannot be stored: type zero, or more than
	// MaxRecordBytes. Nothing was written.
	ErrRecord = errors.New("record cannot be stored")

	// ErrNoSpace says that an operation was refused before it began, because
	// the file system is too full for it. Nothing was written, the log is
	// healthy, and the call may be repeated once there is room.
	ErrNoSpace = errors.New("not enough free space for the log")
)

// DamageError says where a log is damaged, and how that is known.
type DamageError struct {
	Segment string // file name inside the log directory
	Offset  int64  // bytes from the start of the file
	Seq     uint64 // sequence that was expected there; 0 if none was
	Reason  string
}

// Error implements error.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%v: %s at byte %d, expecting sequence %d: %s",
		ErrDamaged, e.Segment, e.Offset, e.Seq, e.Reason)
}

// Is makes errors.Is(err, ErrDamaged) hold.
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }
