package sim

import (
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
)

// decisionDisk is the replicated log that all incarnations share, one after the
// other. Whoever leads appends, and what is durable is committed. What one that
// was deposed has appended may still come to be committed, late, and has to be
// without effect then (C1).
type decisionDisk struct {
	world   *world
	entries [][]byte         // entries[i] has index i+1
	refused []error          // of the durable ones, why they do not count
	truth   *replica.Machine // has applied the durable ones
	first   uint64           // index of the first that was not trimmed
	durable uint64
	opened  int            // how many incarnations have
	claimed protocol.Epoch // highest that is durable
	// The newest snapshot: its head, and the history that goes with it.
	head    []byte
	history *archive
}

func newDecisionDisk(w *world) *decisionDisk {
	return &decisionDisk{world: w, first: 1, truth: replica.NewMachine(replica.State{}, 0)}
}

func (d *decisionDisk) last() uint64 { return uint64(len(d.entries)) }

// force makes durable what is there. A decision is made at this moment.
func (d *decisionDisk) force() {
	for d.durable < d.last() {
		entry := d.entries[d.durable]
		d.durable++
		err := d.truth.Apply(d.durable, entry)
		d.refused = append(d.refused, err)
		switch {
		case errors.Is(err, coordinator.ErrFenced):
			d.world.count("fenced entries")
			continue
		case err != nil:
			_ = d.world.fail("5 order", "an entry of the decision log is out of order: %v", err)
		}
		e, err := replica.DecodeEntry(entry)
		if err != nil {
			_ = d.world.fail("wire", "an entry of the decision log cannot be read: %v", err)
		}
		for _, item := range e.Items {
			d.decided(item)
		}
	}
}

// decided checks what has become durable.
func (d *decisionDisk) decided(item replica.Item) {
	switch r := item.(type) {
	case protocol.EpochClaimed:
		d.claim(r)
	case protocol.Withdrawn:
		d.world.count("withdrawn")
	case *protocol.Resolved:
		d.world.acts[r.Key]++
		if r.Action == protocol.ResolveWithdraw {
			d.world.givenUp[r.Key] = true
		}
	case *protocol.Decision:
		d.world.checkDecision(r)
	}
}

func (d *decisionDisk) claim(r protocol.EpochClaimed) {
	if r.Epoch <= d.claimed {
		_ = d.world.fail("1 agreement", "epoch %d is claimed after epoch %d (C1)", r.Epoch, d.claimed)
	}
	d.claimed = r.Epoch
}

// cut is what a crash does: of the entries that are not durable the first few
// survive.
func (d *decisionDisk) cut(c chooser) {
	d.entries = d.entries[:d.durable+uint64(c.IntN(int(d.last()-d.durable)+1))]
}

// decisionLog is what one incarnation appends through.
type decisionLog struct {
	process  *coordinatorProcess
	disk     *decisionDisk
	opened   int
	alone    bool // it takes itself for the only member
	poisoned error
}

// open takes the log over: from now on nobody else leads, and what is there is
// durable.
func (d *decisionDisk) open(p *coordinatorProcess) *decisionLog {
	d.opened++
	d.cut(p.chooser)
	d.force()
	return &decisionLog{process: p, disk: d, opened: d.opened, alone: p.percent(30)}
}

func (l *decisionLog) owns() bool { return l.opened == l.disk.opened }

// Propose implements replica.Group.
func (l *decisionLog) Propose(entry []byte) (wait func() error) {
	p := l.process
	fails := func(err error) func() error { return func() error { return err } }
	switch {
	case l.poisoned != nil:
		return fails(l.poisoned)
	case !l.owns():
		p.world.count("fenced appends")
		if p.percent(30) {
			l.disk.entries = append(l.disk.entries, entry)
		}
		return fails(fmt.Errorf("propose: %w", coordinator.ErrFenced))
	}
	p.operation("before an append")
	if !p.failLog || p.percent(50) {
		l.disk.entries = append(l.disk.entries, entry)
	}
	if p.failLog {
		return fails(l.fail())
	}
	index := l.disk.last()
	p.operation("between an append and its force")
	return func() error { return l.force(index) }
}

func (l *decisionLog) force(index uint64) error {
	if !l.owns() {
		return fmt.Errorf("force: %w", coordinator.ErrFenced) // it may be durable all the same
	}
	l.disk.force()
	l.process.operation("after a force")
	return l.disk.refused[index-1]
}

// fail ends the use of the log with the outcome of the last append unknown.
func (l *decisionLog) fail() error {
	if l.process.percent(50) {
		l.disk.force()
	}
	l.poisoned = errors.New("input/output error")
	return l.poisoned
}

// Alone implements replica.Group.
func (l *decisionLog) Alone() bool { return l.alone }

// Confirm implements replica.Group.
func (l *decisionLog) Confirm() error {
	if !l.owns() {
		return errors.New("another coordinator leads")
	}
	return nil
}

// Mark implements replica.Group.
func (l *decisionLog) Mark() replica.Mark {
	l.process.catchUp()
	s, _ := l.process.machine.State()
	return s.Mark
}
