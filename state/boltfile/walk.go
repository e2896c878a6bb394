package boltfile

import (
	"bytes"
	"errors"
	"fmt"
)

// depthMax bounds the levels of pages. A sound file has fewer than ten.
const depthMax = 64

// Visitor takes what Walk comes upon. Slices are valid until the call returns.
type Visitor interface {
	// Bucket is called with the name of each bucket of the root.
	Bucket(name []byte)
	// Pair is called with each pair of each bucket of the root, bucket by bucket
	// and ascending by key, in so far as the pages are in order. An error ends
	// the walk.
	Pair(bucket, key, value []byte) error
	// Finding is called with each thing that is wrong with the structure.
	Finding(Finding)
}

// Walk reads the whole file: all buckets, then the freelist. Its error is that
// of Visitor.Pair.
func (f *File) Walk(v Visitor) error {
	w := &walk{file: f, visitor: v, uses: make([]use, f.meta.pages)}
	for _, broken := range f.broken {
		v.Finding(broken)
	}
	if err := w.tree(nil, f.meta.root, bounds{}, 0); err != nil {
		return err
	}
	w.freelist()
	return nil
}

// walk is the state of one Walk.
type walk struct {
	file    *File
	visitor Visitor
	uses    []use // by page; 0: not seen so far
}

// use says what a page is used for.
type use uint8

const (
	inTree use = iota + 1
	inFreelist
	isFree
)

// bounds are those that the pages above set for the keys of a page: from
// lowest up to, and without, end; nil means no bound.
type bounds struct{ lowest, end []byte }

var errTwice = errors.New("used twice")

func (w *walk) find(page uint64, format string, args ...any) {
	w.visitor.Finding(Finding{page, fmt.Sprintf(format, args...)})
}

// tree walks the page with an id and what is below it. bucket is nil for the
// pages of the root bucket, which hold the others.
func (w *walk) tree(bucket []byte, id uint64, in bounds, depth int) error {
	p, err := w.claim(id, inTree)
	if err != nil {
		w.find(id, "%v", err)
		return nil
	}
	return w.page(bucket, p, in, depth)
}

// claim reads a page that something refers to, and notes its use.
func (w *walk) claim(id uint64, what use) (page, error) {
	if id < 2 || id >= w.file.meta.pages {
		return page{}, fmt.Errorf("referred to, but pages are numbered from 2 to %d", w.file.meta.pages-1)
	}
	if w.uses[id] != 0 {
		return page{}, errTwice
	}
	p, err := w.file.readPage(id)
	if err != nil {
		return page{}, err
	}
	for i := id; i <= id+p.overflow; i++ {
		if w.uses[i] != 0 {
			return page{}, errTwice
		}
		w.uses[i] = what
	}
	return p, nil
}

func (w *walk) page(bucket []byte, p page, in bounds, depth int) error {
	switch {
	case depth > depthMax:
		w.find(p.id, "more than %d levels deep", depthMax)
		return nil
	case p.kind == branchType:
		return w.branch(bucket, p, in, depth)
	case p.kind == leafType:
		return w.leaf(bucket, p, in, depth)
	}
	w.find(p.id, "in the tree, but of type %#x", p.kind)
	return nil
}

func (w *walk) branch(bucket []byte, p page, in bounds, depth int) error {
	elements := w.elements(p, in)
	for i, e := range elements {
		child := bounds{lowest: e.key, end: in.end}
		if i+1 < len(elements) {
			child.end = elements[i+1].key
		}
		if err := w.tree(bucket, e.child, child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) leaf(bucket []byte, p page, in bounds, depth int) error {
	for _, e := range w.elements(p, in) {
		if bucket == nil {
			if err := w.bucket(p.id, e, depth); err != nil {
				return err
			}
			continue
		}
		if e.bucket {
			w.find(p.id, "bucket %q within a bucket", e.key)
			continue
		}
		if err := w.visitor.Pair(bucket, e.key, e.value); err != nil {
			return err
		}
	}
	return nil
}

// bucket walks a bucket of the root.
func (w *walk) bucket(at uint64, e element, depth int) error {
	p, root, ok := inlinePage(e.value)
	switch {
	case !e.bucket:
		w.find(at, "pair %q outside of all buckets", e.key)
		return nil
	case !ok:
		w.find(at, "bucket %q has %d bytes only", e.key, len(e.value))
		return nil
	}
	w.visitor.Bucket(e.key)
	if root != 0 {
		return w.tree(e.key, root, bounds{}, depth+1)
	}
	p.id = at // findings are about the page round it
	if p.kind != leafType {
		w.find(at, "inline bucket %q of type %#x", e.key, p.kind)
		return nil
	}
	return w.leaf(e.key, p, bounds{}, depth+1)
}

// elements gives the elements of a page that are whole, and reports those that
// are not, or whose keys are out of order.
func (w *walk) elements(p page, in bounds) (elements []element) {
	previous := in.lowest
	for i := range p.count {
		e, ok := p.element(i)
		if !ok {
			w.find(p.id, "element %d reaches out of the page", i)
			continue
		}
		order := bytes.Compare(previous, e.key)
		if previous != nil && (order > 0 || order == 0 && i > 0) {
			w.find(p.id, "key %q comes after %q", e.key, previous)
		}
		if in.end != nil && bytes.Compare(e.key, in.end) >= 0 {
			w.find(p.id, "key %q is not below %q, where the next page starts", e.key, in.end)
		}
		elements, previous = append(elements, e), e.key
	}
	return elements
}
