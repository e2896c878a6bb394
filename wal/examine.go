package wal

import (
	"errors"
	"fmt"
	"path/filepath"
)

// plan is what a look at a log directory came to: the sound log in it, and
// what has to be done to the files so that nothing but that log is left.
type plan struct {
	dir   string
	blank bool // no log yet, or a creation that did not finish

	id    ID
	meta  slot // its value is the floor: records below it may be gone
	mark  slot // its value is the highest sequence known to be acknowledged
	chain chain

	markLost bool     // the mark is to be written anew
	adopt    string   // copy to rename to the first file of the chain; "" if none
	drop     []string // leftovers to remove, in this order
	aside    []string // files of unknown origin to move out of the way
}

// examine looks at a log directory and changes nothing. Its error is a
// *DamageError, ErrFormat, or a failure to read.
func examine(dir string) (*plan, error) {
	l, err := list(dir)
	if err != nil {
		return nil, err
	}
	p := &plan{dir: dir}
	if err := p.readRegisters(l); err != nil || p.blank {
		return p, err
	}
	if err := p.chooseChain(l); err != nil {
		return p, err
	}
	p.clearUp(l)
	return p, nil
}

// readRegisters finds out which log this is. Creation writes META last, so a
// directory without it holds no log, unless something else in it says that
// there was one.
func (p *plan) readRegisters(l listing) (err error) {
	p.mark, err = readSlot(filepath.Join(p.dir, markName), markKind)
	if err != nil && !lost(err) {
		return err
	}
	p.markLost = err != nil

	p.meta, err = readSlot(filepath.Join(p.dir, metaName), metaKind)
	if err != nil && !lost(err) {
		return err
	}
	if err != nil {
		p.blank = true
		p.drop = l.temps
		return p.checkBlank(l, err)
	}
	p.id = p.meta.id
	if p.mark.id != p.id {
		p.mark, p.markLost = slot{id: p.id}, true
	}
	return nil
}

// checkBlank refuses to take for new what once was a log.
func (p *plan) checkBlank(l listing, missing error) error {
	bytes := int64(0)
	for _, s := range l.segments {
		bytes += s.bytes
	}
	unfinished := len(l.segments) == 0 || len(l.segments) == 1 && l.segments[0].first == 1
	if errors.Is(missing, errSlot) || bytes > 0 || !unfinished ||
		len(l.starts)+len(l.ends)+len(l.kept) > 0 || p.mark.value > 0 {
		return &DamageError{Segment: metaName, Reason: fmt.Sprintf("the identity of the log is gone: %v", missing)}
	}
	return nil
}

// chooseChain finds the files that make up the log. That is all segments; or,
// after a trim that did not finish, those from the floor on.
func (p *plan) chooseChain(l listing) error {
	var firstErr error
	found := false
	for _, c := range p.candidates(l) {
		got, err := p.verify(c)
		if err != nil {
			if firstErr == nil {
				firstErr = err
			}
			continue
		}
		if !found || got.better(p.chain) {
			p.chain, p.adopt, found = got, c.adopt, true
		}
	}
	if found {
		return nil
	}
	return firstErr
}

// better reports whether c goes before o as the log: if it is whole and the
// other is not, or else if it holds more.
func (c chain) better(o chain) bool {
	if (c.cut == nil) != (o.cut == nil) {
		return c.cut == nil
	}
	return c.last > o.last
}

// candidate is a row of files that may be the log.
type candidate struct {
	files []segment
	adopt string
	reach uint64 // the log does not end before this sequence
}

// candidates lists what may be the log. A trim is asked for below records that
// are durable, so the log reaches to the floor; and beyond it if the copy of
// the trim has anything in it.
func (p *plan) candidates(l listing) []candidate {
	floor := p.meta.value
	cs := []candidate{{files: l.segments, reach: floor - 1}}
	var above []segment
	for _, s := range l.segments {
		if s.first > floor {
			above = append(above, s)
		}
		if s.first == floor && s != l.segments[0] {
			cs = append(cs, candidate{files: []segment{s}, reach: floor - 1})
		}
	}
	for _, s := range l.starts {
		if s.first == floor {
			cs = append(cs, candidate{files: []segment{s}, adopt: s.name, reach: floor - 1})
			if s.bytes > 0 {
				cs[0].reach = floor
			}
		}
	}
	for i := range cs[1:] {
		cs[i+1].files = append(cs[i+1].files, above...)
	}
	return cs
}

func (p *plan) verify(c candidate) (chain, error) {
	if len(c.files) == 0 {
		return chain{}, &DamageError{Segment: segmentName(p.meta.value), Seq: p.meta.value, Reason: "there is no segment file"}
	}
	if first := c.files[0]; first.first > p.meta.value {
		return chain{}, &DamageError{Segment: first.name, Seq: p.meta.value,
			Reason: fmt.Sprintf("the file begins at sequence %d, and nobody asked to trim as far", first.first)}
	}
	got, err := verifyChain(p.dir, c.files, p.id, p.mark.value)
	if err == nil && got.last < c.reach {
		return got, &DamageError{Segment: got.tail().name, Offset: got.tail().bytes, Seq: got.last + 1,
			Reason: fmt.Sprintf("the log ends, but a trim at %d shows that it held more", p.meta.value)}
	}
	if err == nil && c.adopt != "" && len(c.files) == 1 && got.cut != nil {
		// A copy is complete and forced before it gets the name it has.
		return got, &DamageError{Segment: c.adopt, Offset: got.cut.offset, Seq: got.cut.seq, Reason: got.cut.reason.Error()}
	}
	return got, err
}

// clearUp lists the files that the chosen chain leaves over.
func (p *plan) clearUp(l listing) {
	for _, s := range l.segments {
		if s.first < p.chain.first() {
			p.drop = append(p.drop, s.name)
		}
	}
	for _, s := range append(l.starts, l.ends...) {
		switch {
		case s.name == p.adopt:
		case s.first == p.meta.value && s.name == segmentName(s.first)+startSuffix:
			p.drop = append(p.drop, s.name)
		default:
			p.aside = append(p.aside, s.name)
		}
	}
	p.drop = append(p.drop, l.temps...)
}
