package raftsnap

import (
	"errors"
	"fmt"
)

// Sentinels, to be tested with errors.Is. Other errors are those of the
// operating system, wrapped with what was being done.
var (
	// ErrDamaged: a snapshot is not what was written.
	ErrDamaged = errors.New("raft snapshot is damaged, replace this coordinator by an empty one")

	// ErrNotExist: there is no snapshot with this id, perhaps not any more.
	ErrNotExist = errors.New("no such raft snapshot")

	// ErrIncomplete: Close came before the end of the head.
	ErrIncomplete = errors.New("raft snapshot is incomplete")

	// ErrTooLong: the head is longer than MaxHeadBytes.
	ErrTooLong = errors.New("head of the raft snapshot is too long")

	// ErrNoSpace: the snapshot would take the last of the free space.
	ErrNoSpace = errors.New("not enough free disk space for the raft snapshot, make room")

	// ErrClosed: the sink was closed or cancelled before.
	ErrClosed = errors.New("raft snapshot is closed")

	// ErrAppendix: the appendix has not the size that was promised.
	ErrAppendix = errors.New("appendix of the raft snapshot has another size than promised")
)

func damaged(id, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrDamaged, id, fmt.Sprintf(format, args...))
}
