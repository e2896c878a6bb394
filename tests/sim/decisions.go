package sim

import (
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// decisionDisk is the decision log that all incarnations share, one after the
// other: whoever opens it locks out those before (C1).
type decisionDisk struct {
	world   *world
	id      [16]byte
	records []wal.Record // records[i] has position i+1
	first   uint64
	durable uint64
	opened  int            // how many incarnations have
	claimed protocol.Epoch // highest that is durable
}

func newDecisionDisk(w *world) *decisionDisk {
	d := &decisionDisk{world: w, first: 1}
	w.drawn.fill(d.id[:])
	return d
}

func (d *decisionDisk) last() uint64 { return uint64(len(d.records)) }

// force makes durable what is there. A decision is made at this moment.
func (d *decisionDisk) force() {
	for d.durable < d.last() {
		raw := d.records[d.durable]
		d.durable++
		record, err := protocol.DecodeRecord(protocol.RecordType(raw.Type), raw.Data)
		if err != nil {
			_ = d.world.fail("wire", "a record of the decision log cannot be read: %v", err)
		}
		switch r := record.(type) {
		case protocol.EpochClaimed:
			if r.Epoch <= d.claimed {
				_ = d.world.fail("1 agreement", "epoch %d is claimed after epoch %d (C1)", r.Epoch, d.claimed)
			}
			d.claimed = r.Epoch
		case protocol.Withdrawn:
			d.world.count("withdrawn")
		case *protocol.Decision:
			d.world.checkDecision(r)
		}
	}
}

// cut is what a crash does: of the records that are not durable the first few
// survive.
func (d *decisionDisk) cut(c chooser) {
	d.records = d.records[:d.durable+uint64(c.IntN(int(d.last()-d.durable)+1))]
}

// decisionLog is what one incarnation sees of it.
type decisionLog struct {
	process  *coordinatorProcess
	disk     *decisionDisk
	opened   int
	poisoned error
}

// open takes the log over: from now on nobody else appends, and what is there
// is durable.
func (d *decisionDisk) open(p *coordinatorProcess) *decisionLog {
	d.opened++
	d.cut(p.chooser)
	d.force()
	return &decisionLog{process: p, disk: d, opened: d.opened}
}

func (l *decisionLog) owns() bool { return l.opened == l.disk.opened }

// Append implements coordinator.DecisionLog.
func (l *decisionLog) Append(records []protocol.Record, force bool) (uint64, error) {
	p := l.process
	switch {
	case l.poisoned != nil:
		return 0, l.poisoned
	case !l.owns():
		p.world.count("fenced appends")
		return 0, fmt.Errorf("append: %w", coordinator.ErrFenced)
	}
	p.operation("before an append")
	first := l.disk.last() + 1
	written := len(records)
	if p.blown() || p.failLog {
		written = p.IntN(len(records) + 1)
	}
	for _, r := range records[:written] {
		l.disk.records = append(l.disk.records, wal.Record{Type: uint8(r.RecordType()), Data: protocol.EncodeRecord(r)})
	}
	if p.failLog {
		return 0, l.fail()
	}
	p.operation("between an append and its force")
	if force {
		l.disk.force()
		p.operation("after a force")
	}
	return first, nil
}

// fail ends the use of the log with the outcome of the last append unknown.
func (l *decisionLog) fail() error {
	if l.process.percent(50) {
		l.disk.force()
	}
	l.poisoned = errors.New("input/output error")
	return l.poisoned
}

// Confirm implements coordinator.DecisionLog.
func (l *decisionLog) Confirm() error {
	if !l.owns() {
		return fmt.Errorf("confirm: %w", coordinator.ErrFenced)
	}
	return nil
}

// Trim implements coordinator.DecisionLog.
func (l *decisionLog) Trim(keep uint64) error {
	p := l.process
	switch {
	case l.poisoned != nil:
		return l.poisoned
	case !l.owns():
		return fmt.Errorf("trim: %w", coordinator.ErrFenced)
	case keep <= l.disk.first || p.percent(30):
		return nil
	case keep > l.disk.durable+1:
		return p.world.fail("3 durability", "the decision log is trimmed up to %d, durable is %d", keep, l.disk.durable)
	}
	p.operation("before a trim")
	l.disk.first = keep
	p.world.count("decision log trims")
	p.operation("after a trim")
	return nil
}

// Position implements coordinator.DecisionLog.
func (l *decisionLog) Position() (last, durable uint64) { return l.disk.last(), l.disk.durable }

// Replay implements DecisionLog.
func (l *decisionLog) Replay(from uint64, fn func(seq uint64, r wal.Record) error) error {
	if from > l.disk.last()+1 {
		return wal.ErrRange
	}
	for at := max(from, l.disk.first); at <= l.disk.last(); at++ {
		r := l.disk.records[at-1]
		if err := fn(at, wal.Record{Type: r.Type, Data: append([]byte(nil), r.Data...)}); err != nil {
			return err
		}
	}
	return nil
}
