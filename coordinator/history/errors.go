package history

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Errors of this package, to be tested with errors.Is. They come wrapped with
// what was being done.
var (
	// ErrNotExist: the directory holds no history. It is fs.ErrNotExist too.
	ErrNotExist = fmt.Errorf("no history: %w", fs.ErrNotExist)
	// ErrExist: Create found a history. It is fs.ErrExist too.
	ErrExist = fmt.Errorf("history exists: %w", fs.ErrExist)
	// ErrLocked: another process, or another History of this one, has the file
	// open.
	ErrLocked = errors.New("history is in use")
	// ErrDamaged: bytes on the disk are not what was written. Every
	// *DamageError is one.
	ErrDamaged = errors.New("history is damaged")
	// ErrFormat: the file was written by a release with another format.
	ErrFormat = errors.New("format of the history is not known to this release")
	// ErrReadOnly: the history was opened with OpenReadOnly.
	ErrReadOnly = errors.New("history is open for reading only")
	// ErrPoisoned: a commit failed, so that nobody knows what the disk holds.
	// Close and Open tell. It wraps the cause.
	ErrPoisoned = errors.New("history is poisoned by a failed write")
	// ErrClosed: Close was called before.
	ErrClosed = errors.New("history is closed")
)

// Refusals of Create and Append. Nothing was written, and the history can be
// used as before.
var (
	// ErrForeign: the meta belongs to another cluster, another log, or binds a
	// shard to another data directory than before.
	ErrForeign = errors.New("meta belongs to another history")
	// ErrOrder: a height that is out of turn, or an epoch or a log position
	// that goes back.
	ErrOrder = errors.New("out of order")
	// ErrChain: a decision that does not build on the one below it. Together
	// with what the log says, this is proof of divergence.
	ErrChain = errors.New("decision does not continue the chain")
	// ErrDuplicate: a block key that is decided already.
	ErrDuplicate = errors.New("block key is decided already")
	// ErrInvalid: a meta or a decision that cannot be stored and read again.
	ErrInvalid = errors.New("cannot be stored")
	// ErrNoSpace: the disk might not hold what was to be appended. The call may
	// be repeated, with fewer decisions or once there is room.
	ErrNoSpace = errors.New("not enough free disk space for the history")
)

// DamageError says what is damaged. errors.Is(err, ErrDamaged) is true for it.
type DamageError struct {
	What   string          // the finding, for people
	Height protocol.Height // the decision it is about; 0 if none
	Key    string          // the block key it is about; empty if none
	Err    error           // the cause; may be nil
}

// Error implements error.
func (e *DamageError) Error() string {
	var b strings.Builder
	b.WriteString(ErrDamaged.Error())
	if e.Height != 0 {
		fmt.Fprintf(&b, ": height %d", e.Height)
	}
	if e.Key != "" {
		fmt.Fprintf(&b, ": block key %q", e.Key)
	}
	b.WriteString(": " + e.What)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Is makes every DamageError an ErrDamaged.
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

// Unwrap gives the cause.
func (e *DamageError) Unwrap() error { return e.Err }

func damaged(format string, args ...any) error {
	return &DamageError{What: fmt.Sprintf(format, args...)}
}

func damagedAt(h protocol.Height, format string, args ...any) error {
	return &DamageError{Height: h, What: fmt.Sprintf(format, args...)}
}

func damagedKey(key []byte, format string, args ...any) error {
	return &DamageError{Key: string(key), What: fmt.Sprintf(format, args...)}
}
