package sim

import (
	"errors"
	"slices"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// commitBeforeForce: an append with a decision is not forced.
func commitBeforeForce(_ *world, into *Wraps) {
	unforced(into, func(records []protocol.Record) bool { return has(records, protocol.RecordDecided) })
}

// withdrawnUnforced: one with a Withdrawn record is not, unless a decision goes
// with it.
func withdrawnUnforced(_ *world, into *Wraps) {
	unforced(into, func(records []protocol.Record) bool {
		return has(records, protocol.RecordWithdrawn) && !has(records, protocol.RecordDecided)
	})
}

func has(records []protocol.Record, t protocol.RecordType) bool {
	return slices.ContainsFunc(records, func(r protocol.Record) bool { return r.RecordType() == t })
}

func unforced(into *Wraps, which func([]protocol.Record) bool) {
	into.DecisionLog = func(at Place, log DecisionLog) DecisionLog { return unforcedLog{log, at, which} }
}

type unforcedLog struct {
	DecisionLog
	at    Place
	which func([]protocol.Record) bool
}

func (l unforcedLog) Append(records []protocol.Record, force bool) (uint64, error) {
	if force && l.which(records) {
		l.at.Count("planted")
		force = false
	}
	return l.DecisionLog.Append(records, force)
}

// failedAppendIgnored: a coordinator goes on after an append that failed.
func failedAppendIgnored(_ *world, into *Wraps) {
	into.DecisionLog = func(at Place, log DecisionLog) DecisionLog { return carelessDecisionLog{log, at} }
}

type carelessDecisionLog struct {
	DecisionLog
	at Place
}

func (l carelessDecisionLog) Append(records []protocol.Record, force bool) (uint64, error) {
	first, err := l.DecisionLog.Append(records, force)
	if err != nil && !errors.Is(err, coordinator.ErrFenced) {
		l.at.Count("planted")
		last, _ := l.Position()
		return last + 1, nil
	}
	return first, err
}

// epochReused: a restart does not find the epochs that were claimed.
func epochReused(_ *world, into *Wraps) {
	into.DecisionLog = func(at Place, log DecisionLog) DecisionLog { return epochlessLog{log, at} }
	into.History = func(_ Place, h coordinator.History) coordinator.History { return epochlessHistory{h} }
}

type epochlessLog struct {
	DecisionLog
	at Place
}

func (l epochlessLog) Replay(from uint64, fn func(uint64, wal.Record) error) error {
	return l.DecisionLog.Replay(from, func(seq uint64, r wal.Record) error {
		if protocol.RecordType(r.Type) == protocol.RecordEpoch {
			l.at.Count("planted")
			return nil
		}
		return fn(seq, r)
	})
}

type epochlessHistory struct{ coordinator.History }

func (h epochlessHistory) State() (protocol.CoordinatorState, error) {
	s, err := h.History.State()
	s.Epoch = 0
	return s, err
}

// lowerEpochAppends: the log takes what a deposed coordinator appends.
func lowerEpochAppends(_ *world, into *Wraps) {
	into.DecisionLog = func(at Place, log DecisionLog) DecisionLog { return openLog{log.(*decisionLog), at} }
}

type openLog struct {
	*decisionLog
	at Place
}

func (l openLog) Append(records []protocol.Record, force bool) (uint64, error) {
	if l.owns() {
		return l.decisionLog.Append(records, force)
	}
	l.at.Count("planted")
	opened := l.opened
	defer func() { l.opened = opened }()
	l.opened = l.disk.opened
	return l.decisionLog.Append(records, force)
}

// decisionLogTrimmedFar: the decision log is trimmed to what is durable,
// whether it is still needed or not.
func decisionLogTrimmedFar(_ *world, into *Wraps) {
	into.DecisionLog = func(at Place, log DecisionLog) DecisionLog { return farDecisionLog{log, at} }
}

type farDecisionLog struct {
	DecisionLog
	at Place
}

func (l farDecisionLog) Trim(uint64) error {
	l.at.Count("planted")
	_, durable := l.Position()
	return l.DecisionLog.Trim(durable + 1)
}

// keysForgotten: the history does not find the keys of the blocks it holds,
// while there are clients that ask for them.
func keysForgotten(w *world, into *Wraps) {
	into.History = func(at Place, h coordinator.History) coordinator.History { return keylessHistory{h, w, at} }
}

type keylessHistory struct {
	coordinator.History
	world *world
	at    Place
}

func (h keylessHistory) ByKey(key string) (*protocol.Decision, bool, error) {
	d, ok, err := h.History.ByKey(key)
	if err != nil || !ok || h.world.calm {
		return d, ok, err
	}
	h.at.Count("planted")
	return nil, false, nil
}
