package coordinator

import (
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
)

// DecisionLog is the log of the coordinators, as one incarnation sees it;
// *replica.Log is one. A failed call leaves it unknown what was written; the
// coordinator then steps down (rule C2).
//
// Implementations are safe for concurrent use.
type DecisionLog interface {
	// Append writes the records in one piece; with force it returns only when
	// they, and all before them, are durable. A log that a higher epoch has taken
	// over, or that cannot tell whether it was, refuses with ErrFenced, also
	// without records: a force alone finds out.
	Append(records []protocol.Record, force bool) error
	// Confirm fails with ErrFenced if this incarnation no longer owns the log.
	Confirm() error
	// Needed tells that no resync asks for the decisions below a height any more.
	Needed(lowest protocol.Height)
}

// ErrFenced says that the log may belong to another incarnation now.
var ErrFenced = replica.ErrFenced
