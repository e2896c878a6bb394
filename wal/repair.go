package wal

import (
	"errors"
	"fmt"
	"path/filepath"
)

// RepairKind says what was done to a file.
type RepairKind string

const (
	// CutTail took off the end of the last segment: bytes that are no record
	// and were never acknowledged. The old file was kept.
	CutTail RepairKind = "cut tail"
	// FinishedTrim removed, or renamed, what a trim that did not finish left.
	FinishedTrim RepairKind = "finished trim"
	// RemovedLeftover removed an incomplete copy.
	RemovedLeftover RepairKind = "removed leftover"
	// SetAside moved a copy of unknown origin out of the way. It was kept.
	SetAside RepairKind = "set aside"
	// RenewedMark wrote the advisory mark anew, because it was missing, not
	// readable, or of another log.
	RenewedMark RepairKind = "renewed mark"
)

// Repair is one thing that Open mended, or would mend.
type Repair struct {
	Kind   RepairKind
	File   string // name inside the log directory
	Kept   string // name under which the old content is kept; "" if it is not, or not yet
	Offset int64  // CutTail: where the cut was made, in bytes
	Bytes  int64  // CutTail: how much was taken off
	Seq    uint64 // CutTail: the sequence that the next record gets
	Reason string
}

// String describes the repair in one line, for a log.
func (r Repair) String() string {
	s := fmt.Sprintf("%s: %s", r.Kind, r.File)
	if r.Kind == CutTail {
		s += fmt.Sprintf(" at byte %d, %d bytes, sequence %d", r.Offset, r.Bytes, r.Seq)
	}
	if r.Reason != "" {
		s += ": " + r.Reason
	}
	if r.Kept != "" {
		s += " (kept as " + r.Kept + ")"
	}
	return s
}

// repairs lists what carrying out the plan does, without names of kept files.
func (p *plan) repairs() []Repair {
	var rs []Repair
	if p.blank {
		return nil
	}
	if p.adopt != "" {
		rs = append(rs, Repair{Kind: FinishedTrim, File: p.adopt, Reason: "it takes its place in the log"})
	}
	for _, name := range p.drop {
		rs = append(rs, dropRepair(name))
	}
	for _, name := range p.aside {
		rs = append(rs, Repair{Kind: SetAside, File: name, Reason: "the log is whole without it"})
	}
	if c := p.chain.cut; c != nil {
		rs = append(rs, Repair{Kind: CutTail, File: p.chain.tail().name, Offset: c.offset, Bytes: c.bytes, Seq: c.seq, Reason: c.reason.Error()})
	}
	if p.markLost {
		rs = append(rs, Repair{Kind: RenewedMark, File: markName, Reason: "missing, not readable, or of another log"})
	}
	return rs
}

func dropRepair(name string) Repair {
	if isTemp(name) {
		return Repair{Kind: RemovedLeftover, File: name, Reason: "incomplete copy"}
	}
	return Repair{Kind: FinishedTrim, File: name, Reason: "all of it was trimmed"}
}

// Assessment is what Open would find in a directory.
type Assessment struct {
	New     bool     // there is no log; Open would create one
	ID      ID       // of the log
	First   uint64   // as Log.First
	Last    uint64   // as Log.Last
	Floor   uint64   // records below were trimmed, or were about to be
	Mark    uint64   // highest sequence known to be acknowledged, from the mark
	Repairs []Repair // what Open would mend
}

// Assess reads a log directory and says what Open would do. It changes nothing
// and takes no lock, so the answer is to be relied on only while nobody has
// the log open. The error is a *DamageError or ErrFormat where Open would
// refuse, with as much of the assessment as could be made.
func Assess(dir string) (Assessment, error) {
	p, err := examine(dir)
	if p == nil {
		return Assessment{}, err
	}
	return p.assessment(err), err
}

func (p *plan) assessment(err error) Assessment {
	a := Assessment{New: p.blank && err == nil, ID: p.id, Floor: p.meta.value, Mark: p.mark.value}
	if err == nil && !p.blank {
		a.First, a.Last, a.Repairs = p.chain.first(), p.chain.last, p.repairs()
	}
	return a
}

// Mend does what Open would mend, and nothing else. It owns the directory
// while it works: ErrLocked means that somebody has the log open. A directory
// without a log is left alone.
func Mend(dir string) (repairs []Repair, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("wal: %w", err)
	}
	lock, err := acquire(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	p, err := examine(dir)
	if err != nil || p.blank {
		return nil, err
	}
	return p.mend()
}
