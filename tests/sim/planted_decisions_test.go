package sim

import (
	"errors"
	"slices"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
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
	into.DecisionLog = func(at Place, log coordinator.DecisionLog) coordinator.DecisionLog {
		return unforcedLog{log, at, which}
	}
}

type unforcedLog struct {
	coordinator.DecisionLog
	at    Place
	which func([]protocol.Record) bool
}

func (l unforcedLog) Append(records []protocol.Record, force bool) error {
	if force && l.which(records) {
		l.at.Count("planted")
		force = false
	}
	return l.DecisionLog.Append(records, force)
}

// failedAppendIgnored: a coordinator goes on after an append that failed.
func failedAppendIgnored(_ *world, into *Wraps) {
	into.DecisionLog = func(at Place, log coordinator.DecisionLog) coordinator.DecisionLog {
		return carelessDecisionLog{log, at}
	}
}

type carelessDecisionLog struct {
	coordinator.DecisionLog
	at Place
}

func (l carelessDecisionLog) Append(records []protocol.Record, force bool) error {
	err := l.DecisionLog.Append(records, force)
	if err != nil && !errors.Is(err, coordinator.ErrFenced) {
		l.at.Count("planted")
		return nil
	}
	return err
}

// epochReused: a restart does not find the epochs that were claimed, and the log
// takes what it is given.
func epochReused(w *world, into *Wraps) {
	into.State = func(at Place, s protocol.CoordinatorState) protocol.CoordinatorState {
		at.Count("planted")
		s.Epoch = 0
		return s
	}
	into.DecisionLog = func(at Place, _ coordinator.DecisionLog) coordinator.DecisionLog { return &openLog{world: w, at: at} }
}

// lowerEpochAppends: the log takes what a deposed coordinator appends.
func lowerEpochAppends(w *world, into *Wraps) {
	into.DecisionLog = func(at Place, log coordinator.DecisionLog) coordinator.DecisionLog {
		return &openLog{DecisionLog: log, world: w, at: at}
	}
}

// openLog appends in the name of whoever has appended last.
type openLog struct {
	coordinator.DecisionLog // while this incarnation leads; nil for never
	world                   *world
	at                      Place
}

func (l *openLog) Append(records []protocol.Record, force bool) error {
	p := l.process()
	if l.DecisionLog != nil && (p == nil || p.log.owns()) {
		return l.DecisionLog.Append(records, force)
	}
	d := l.world.decisions
	d.force()
	s, _ := d.truth.State()
	e := replica.Entry{At: replica.Mark{Epoch: s.Mark.Epoch, Number: s.Mark.Number + 1}, After: s.Mark}
	for _, r := range records {
		if claim, ok := r.(protocol.EpochClaimed); ok && l.DecisionLog == nil {
			if claim.Epoch <= d.claimed {
				d.claim(claim)
			}
			e.At = replica.Mark{Epoch: s.Mark.Epoch + 1, Number: 1}
			r = protocol.EpochClaimed{Epoch: e.At.Epoch}
		}
		e.Items = append(e.Items, r)
	}
	l.at.Count("planted")
	d.entries = append(d.entries, e.Encode())
	d.force()
	return nil
}

// process is the one of this log; nil while it starts.
func (l *openLog) process() *coordinatorProcess {
	for _, p := range l.world.coordinators {
		if p.start == l.at.Start && p.core != nil {
			return p
		}
	}
	return nil
}

func (l *openLog) Confirm() error {
	if l.DecisionLog == nil {
		return nil
	}
	return l.DecisionLog.Confirm()
}

func (l *openLog) Needed(h protocol.Height) {
	if l.DecisionLog != nil {
		l.DecisionLog.Needed(h)
	}
}

// decisionLogTrimmedFar: the log is told that no decision is needed any more, of
// those that are in the history.
func decisionLogTrimmedFar(_ *world, into *Wraps) {
	into.DecisionLog = func(at Place, log coordinator.DecisionLog) coordinator.DecisionLog { return farDecisionLog{log, at} }
}

type farDecisionLog struct {
	coordinator.DecisionLog
	at Place
}

func (l farDecisionLog) Needed(protocol.Height) {
	l.at.Count("planted")
	l.DecisionLog.Needed(1 << 62)
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
