package recovery

import (
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/coordinator/replica/raftlog"
	"github.com/lockstep-exec/lockstep/coordinator/replica/raftsnap"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
	"github.com/lockstep-exec/lockstep/wal"
)

// Part is what a finding is about.
type Part string

// Parts of a data directory, and the decisions of the coordinator.
const (
	PartDirectory Part = "directory"
	PartLog       Part = "log"
	PartDatabase  Part = "database"
	PartHistory   Part = "history"
	PartDecisions Part = "decisions"
)

// Finding is one instance of damage or divergence.
type Finding struct {
	Part   Part            `json:"part"`
	Path   string          `json:"path,omitempty"`   // directory, where several were looked at
	Height protocol.Height `json:"height,omitempty"` // 0 if it is about no height
	What   string          `json:"what"`
	Do     string          `json:"do"` // what to do about it
}

// String gives the finding in one line.
func (f Finding) String() string {
	if f.Path != "" {
		return fmt.Sprintf("%s: %s: %s. %s", f.Path, f.Part, f.What, f.Do)
	}
	return fmt.Sprintf("%s: %s. %s", f.Part, f.What, f.Do)
}

// mostFindings bounds the findings of one kind that are listed one by one.
const mostFindings = 100

// damageErrors are the errors that mean damage or divergence, as opposed to a
// failure to look.
var damageErrors = []error{
	executor.ErrMismatch, coordinator.ErrMismatch, wal.ErrDamaged, wal.ErrFormat, state.ErrDamaged, state.ErrFormat,
	history.ErrDamaged, history.ErrFormat, protocol.ErrLogOrder, protocol.ErrMalformed,
	raftlog.ErrDamaged, raftsnap.ErrDamaged, replica.ErrHead,
}

// IsDamage reports whether an error of a start, or of a look, means damage or
// divergence.
func IsDamage(err error) bool {
	for _, kind := range damageErrors {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// InUse reports whether an error means that a process runs on the directory.
func InUse(err error) bool {
	return errors.Is(err, state.ErrLocked) || errors.Is(err, history.ErrLocked) || errors.Is(err, wal.ErrLocked) ||
		errors.Is(err, raftlog.ErrLocked)
}

// findingOf puts an error that means damage into a finding.
func findingOf(err error) Finding {
	f := Finding{What: err.Error()}
	f.Part, f.Do = advice(err)
	return f
}
