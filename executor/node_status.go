package executor

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Status is a copy of what a shard knows, for people and metrics.
type Status struct {
	protocol.ParticipantStatus
	Prepared []PreparedStatus
	// Quarantined says why the shard serves and votes no more; "" if it does.
	Quarantined string
	// Stopped says why the node does nothing any more; "" if it does.
	Stopped string
	Notes   map[string]uint64 // how often what was noted, by kind
}

// PreparedStatus is a prepared attempt that waits for its decision.
type PreparedStatus struct {
	protocol.Promise
	Since       time.Time
	Sequence    uint64 // of its record in the log
	WritesBytes int
}

func (n *Node) publish() {
	s := &Status{ParticipantStatus: n.machine.Status(), Notes: map[string]uint64{}}
	for kind, count := range n.refusals {
		s.Notes[kind] = count
	}
	if s.Quarantine != nil {
		s.Quarantined = s.Quarantine.Error()
	} else if s.Rejected != nil && s.Rejected.Kind.Quarantines() {
		s.Quarantined = s.Rejected.Reason
	}
	if n.stopped != nil {
		s.Stopped = n.stopped.Error()
	}
	n.durable.Lock()
	for _, promise := range s.Promised {
		if p, ok := n.durable.prepared[promise.Attempt.Height]; ok && p.attempt == promise.Attempt {
			s.Prepared = append(s.Prepared, PreparedStatus{Promise: promise, Since: p.since, Sequence: p.sequence, WritesBytes: p.bytes})
		}
	}
	n.durable.Unlock()
	n.status.Store(s)
}

// Status gives what the node knew after the last Handle.
func (n *Node) Status() *Status { return n.status.Load() }
