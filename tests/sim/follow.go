package sim

import (
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
)

// recover brings a coordinator that starts to what is durable: from the newest
// snapshot and the entries behind it, on top of the history that it has.
func (p *coordinatorProcess) recover() (protocol.CoordinatorState, error) {
	d := p.world.decisions
	p.machine, p.applied = replica.NewMachine(replica.State{}, 0), 0
	if d.head != nil {
		var err error
		if p.machine, p.applied, err = replica.Resume(d.head); err != nil {
			return protocol.CoordinatorState{}, p.world.fail("wire", "a snapshot cannot be read: %v", err)
		}
		if s, _ := p.machine.State(); p.history.Height() < s.Kept() || p.percent(20) {
			p.history = d.history.copy()
			p.world.newest = p.history
			p.world.count("histories taken over")
		}
	}
	if at := p.history.meta.Log; d.first > p.applied+1 || d.last() < at.Forced {
		return protocol.CoordinatorState{}, p.world.fail("3 durability", "%s finds a log from %d to %d, its snapshot is of %d and its history was written when %d was durable", p.name, d.first, d.last(), p.applied, at.Forced)
	}
	p.catchUp()
	s, _ := p.machine.State()
	return s.Begin(p.history)
}

// catchUp applies what is durable.
func (p *coordinatorProcess) catchUp() {
	d := p.world.decisions
	if p.applied+1 < d.first {
		p.resume()
	}
	for ; p.applied < d.durable; p.applied++ {
		err := p.machine.Apply(p.applied+1, d.entries[p.applied])
		p.world.check((err == nil) == (d.refused[p.applied] == nil), "1 agreement", "%s and another coordinator differ about entry %d: %v, %v", p.name, p.applied+1, err, d.refused[p.applied])
	}
}

// resume is what a coordinator does that is so far behind that the log does not
// reach back to it: it gets a snapshot, with the history that goes with it.
func (p *coordinatorProcess) resume() {
	d := p.world.decisions
	m, applied, err := replica.Resume(d.head)
	p.world.check(err == nil, "wire", "a snapshot cannot be read: %v", err)
	p.machine, p.applied = m, applied
	if s, _ := m.State(); p.history.Height() < s.Kept() {
		*p.history = *d.history.copy()
	}
	p.world.count("snapshots taken over")
}

// keepNow is one pass of the keeper, and the core's look at it.
func (p *coordinatorProcess) keepNow() error {
	p.catchUp()
	if err := p.machine.Keep(historyOf{p, p.history}); err != nil {
		return err
	}
	p.core.Forget()
	if p.percent(30) {
		p.snapshot()
	}
	return nil
}

// snapshot makes a snapshot, and trims the log behind it.
func (p *coordinatorProcess) snapshot() {
	d := p.world.decisions
	if s, _ := p.machine.State(); len(s.Recent) > 0 && p.percent(80) || p.applied < d.first {
		return
	}
	p.operation("before a trim")
	d.head, d.history = p.machine.Head(), p.history.copy()
	d.first = p.applied + 1
	p.world.count("decision log trims")
	p.operation("after a trim")
}
