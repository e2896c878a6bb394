package coordinator

import (
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Offline is the data directory of a stopped coordinator, opened to be looked
// at: what is certainly decided, from history and log together. Nothing on the
// disk is changed.
type Offline struct {
	// State is what is certain, but for Pending: blocks that are proposed as far
	// as this coordinator knows.
	State protocol.CoordinatorState
	// Maybe are decisions above State.Decided that stand in the log of this
	// coordinator, one of several: whether a majority has them it cannot tell.
	Maybe   []*protocol.Decision
	Kept    protocol.Height // in the history
	Replica *replica.Offline
}

// ReadOffline opens the data directory of a stopped coordinator. It refuses
// what a start would refuse, except for what only history.Verify finds, and a
// directory that is in use (history.ErrLocked).
func ReadOffline(dir string) (*Offline, error) {
	r, err := replica.ReadOffline(dir)
	if err != nil {
		return nil, err
	}
	o := &Offline{Replica: r}
	if h := r.History; h != nil {
		o.Kept = h.Height()
	}
	if err := o.fill(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return o, nil
}

// fill brings log and history together: either may be ahead.
func (o *Offline) fill() error {
	certain, newest := o.Replica.Certain, o.Replica.Newest
	o.State = certain.Coordinator(o.Replica.Older)
	o.State.Pending = newest.Coordinator(nil).Pending
	if h := o.Replica.History; h != nil && h.Height() > certain.Height() {
		last, err := h.Last()
		if err != nil {
			return fmt.Errorf("read the history: %w", err)
		}
		meta := h.Meta()
		o.State.Config, o.State.Joined, o.State.Decided = meta.Config, meta.Joined, last
		o.State.Epoch = max(o.State.Epoch, meta.Epoch)
	}
	for _, d := range newest.Recent {
		if d.Height() > o.Height() {
			o.Maybe = append(o.Maybe, d)
		}
	}
	return o.checkUndecided()
}

// History is the history of the coordinator; nil if there is none.
func (o *Offline) History() *history.History { return o.Replica.History }

// Height is the newest height that is certainly decided.
func (o *Offline) Height() protocol.Height {
	if d := o.State.Decided; d != nil {
		return d.Height()
	}
	return 0
}

// Decision gives the decision for a height; ok is false if there is none that is
// certain.
func (o *Offline) Decision(h protocol.Height) (d *protocol.Decision, ok bool, err error) {
	if above := o.State.Decisions; len(above) > 0 && h >= above[0].Height() {
		if i := h - above[0].Height(); i < protocol.Height(len(above)) {
			return above[i], true, nil
		}
		return nil, false, nil
	}
	if o.Replica.History == nil {
		return nil, false, nil
	}
	return o.Replica.History.ByHeight(h)
}

// Close lets go of the directory.
func (o *Offline) Close() error { return o.Replica.Close() }

// checkUndecided reads the blocks that a start would run again.
func (o *Offline) checkUndecided() error {
	for _, p := range o.State.Pending {
		if _, err := protocol.DecodeBody(p.Body, o.Replica.Newest.Config.Limits); err != nil {
			return fmt.Errorf("block %q in the log: %w", p.Key, err)
		}
	}
	return nil
}
