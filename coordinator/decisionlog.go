package coordinator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// DecisionLog is the coordinator's log. A failed call leaves it unknown what
// was written; the coordinator then steps down (rule C2).
//
// Implementations are safe for concurrent use.
type DecisionLog interface {
	// Append writes the records in one piece; with force it returns only when
	// they, and all before them, are durable. It gives the position of the
	// first record. A log that a higher epoch has taken over refuses with
	// ErrFenced, also without records: a force alone finds out.
	Append(records []protocol.Record, force bool) (first uint64, err error)
	// Confirm fails with ErrFenced if this incarnation no longer owns the log.
	Confirm() error
	// Trim tells that records before the position are not needed any more.
	Trim(keep uint64) error
	// Position tells the end of the log: the highest position written, and
	// the highest that is known to be durable.
	Position() (last, durable uint64)
}

// ErrFenced says that the log belongs to another incarnation now.
var ErrFenced = errors.New("the decision log was taken over")

// trimBytes is how much a log may hold before it is trimmed: trimming rewrites
// a segment, so it should be rare.
const trimBytes = 32 << 20

// localLog is the decision log of a single coordinator: a wal on its disk.
// Nobody else can append while this process holds the lock; Confirm finds out
// if the folder was moved away and replaced.
type localLog struct {
	*wal.Log
	lockPath string
	lock     os.FileInfo
}

func newLocalLog(dir string, log *wal.Log) (*localLog, error) {
	path := filepath.Join(dir, "LOCK")
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("look at the lock of the log: %w", err)
	}
	return &localLog{Log: log, lockPath: path, lock: info}, nil
}

// Append implements DecisionLog.
func (l *localLog) Append(records []protocol.Record, force bool) (uint64, error) {
	encoded := make([]wal.Record, len(records))
	for i, r := range records {
		encoded[i] = wal.Record{Type: uint8(r.RecordType()), Data: protocol.EncodeRecord(r)}
	}
	first, err := l.Log.Append(encoded...)
	if err != nil {
		return 0, fmt.Errorf("append to the log: %w", err)
	}
	if !force {
		return first, nil
	}
	if err := l.Sync(); err != nil {
		return 0, fmt.Errorf("force the log: %w", err)
	}
	return first, nil
}

// Confirm implements DecisionLog.
func (l *localLog) Confirm() error {
	now, err := os.Stat(l.lockPath)
	if err != nil || !os.SameFile(now, l.lock) {
		return fmt.Errorf("%w: %s is not the file this coordinator locked; its data directory was moved or replaced", ErrFenced, l.lockPath)
	}
	return nil
}

// Trim implements DecisionLog.
func (l *localLog) Trim(keep uint64) error {
	if l.SizeBytes() < trimBytes || keep <= l.First() {
		return nil
	}
	return l.TrimFront(keep)
}

// Position implements DecisionLog.
func (l *localLog) Position() (last, durable uint64) { return l.Last(), l.Durable() }
