package state

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Errors of this package, to be tested with errors.Is. They come wrapped with
// what was being done.
var (
	// ErrNotExist: the directory holds no database. It is fs.ErrNotExist too.
	ErrNotExist = fmt.Errorf("no state database: %w", fs.ErrNotExist)
	// ErrExist: Create found a database. It is fs.ErrExist too.
	ErrExist = fmt.Errorf("state database exists: %w", fs.ErrExist)
	// ErrLocked: another process, or another Store of this one, holds the
	// database open.
	ErrLocked = errors.New("state database is in use")
	// ErrDamaged: bytes on the disk are not what was written. Every
	// *DamageError is one.
	ErrDamaged = errors.New("state database is damaged")
	// ErrFormat: the database was written by another version of the format.
	ErrFormat = errors.New("format of the state database is not supported")
	// ErrReadOnly: the store was opened with Options.ReadOnly.
	ErrReadOnly = errors.New("state database is open for reading only")

	// ErrOrder: a height that is out of turn, a bug of the caller. Nothing
	// changed.
	ErrOrder = errors.New("height out of order")
	// ErrWrites: writes that break the rules of Stage, a bug of the caller.
	// Nothing changed.
	ErrWrites = errors.New("writes cannot be stored")
	// ErrNotStaged: a view was asked for above the highest staged height.
	ErrNotStaged = errors.New("height is not staged")
	// ErrNotCommitted: a height above the committed one was asked for.
	ErrNotCommitted = errors.New("height is not committed")
	// ErrPruned: a view was asked for below the checkpoint. Only the
	// checkpoint and what is above it can be read.
	ErrPruned = errors.New("height is below the checkpoint")
	// ErrDropped: a height that the view covers was dropped after the view was
	// opened. What was read through it belongs to an aborted attempt.
	ErrDropped = errors.New("a height of the view was dropped")

	// ErrNoSpace: a flush was put off because the disk might not hold it.
	// Nothing was written; the flush may be tried again.
	ErrNoSpace = errors.New("not enough free disk space for a checkpoint")
	// ErrPutOff: Hooks.Prepare allows no checkpoint for now. Nothing was written.
	ErrPutOff = errors.New("no checkpoint is allowed now")
	// ErrPoisoned: a flush failed and its outcome is unknown, so that nothing
	// can be said about the state before the database was opened anew. It wraps
	// the cause.
	ErrPoisoned = errors.New("state is unknown after a failed checkpoint")
	// ErrClosed: the store or the view is closed.
	ErrClosed = errors.New("closed")
)

// DamageError says what is damaged. errors.Is(err, ErrDamaged) is true for it.
type DamageError struct {
	What string // the finding, for people
	Key  []byte // the key of the pair; nil if the finding is not about one pair
	Err  error  // the cause; may be nil
}

func (e *DamageError) Error() string {
	s := ErrDamaged.Error() + ": " + e.What
	if e.Key != nil {
		s += fmt.Sprintf(" (key %q)", e.Key)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is makes every DamageError an ErrDamaged.
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

// Unwrap gives the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// heightError wraps a sentinel with the height that was asked for and the one
// that stands in its way.
func heightError(what string, height protocol.Height, limit protocol.Height, kind error) error {
	return fmt.Errorf("%s height %d (limit %d): %w", what, height, limit, kind)
}
