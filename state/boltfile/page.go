package boltfile

import (
	"encoding/binary"
	"fmt"
)

// page is a page with its overflow, or the page inside an inline bucket.
type page struct {
	id       uint64
	kind     uint16
	count    int
	overflow uint64
	bytes    []byte // header included
}

// parseHeader reads a page header.
func parseHeader(b []byte) page {
	return page{
		id:       binary.LittleEndian.Uint64(b),
		kind:     binary.LittleEndian.Uint16(b[8:]),
		count:    int(binary.LittleEndian.Uint16(b[10:])),
		overflow: uint64(binary.LittleEndian.Uint32(b[12:])),
		bytes:    b,
	}
}

// readPage reads a page with its overflow. The id must be below f.meta.pages.
func (f *File) readPage(id uint64) (page, error) {
	b := make([]byte, f.pageBytes)
	offset := int64(id) * f.pageBytes //nolint:G115 // all pages are below the end of the file
	if _, err := f.r.ReadAt(b, offset); err != nil {
		return page{}, fmt.Errorf("cannot be read: %w", err)
	}
	p := parseHeader(b)
	if p.id != id {
		return page{}, fmt.Errorf("calls itself page %d", p.id)
	}
	if p.overflow >= f.meta.pages-id || p.overflow > uint64(maxOverflowBytes/f.pageBytes) {
		return page{}, fmt.Errorf("goes on over %d pages, too many", p.overflow)
	}
	if p.overflow > 0 {
		rest := make([]byte, int64(p.overflow)*f.pageBytes) //nolint:G115 // at most maxOverflowBytes
		if _, err := f.r.ReadAt(rest, offset+f.pageBytes); err != nil {
			return page{}, fmt.Errorf("overflow cannot be read: %w", err)
		}
		p.bytes = append(b, rest...)
	}
	return p, nil
}

// slice gives n bytes at an offset, or false if they are not in the page.
func (p page) slice(offset, n uint64) ([]byte, bool) {
	if size := uint64(len(p.bytes)); offset > size || n > size-offset {
		return nil, false
	}
	return p.bytes[offset : offset+n : offset+n], true
}

// element is an element of a branch or a leaf page.
type element struct {
	key, value []byte
	child      uint64 // of a branch
	bucket     bool   // of a leaf
}

// element gives the i-th element, or false if it reaches out of the page.
func (p page) element(i int) (e element, ok bool) {
	start := uint64(headerBytes + i*elementBytes)
	b, ok := p.slice(start, elementBytes)
	if !ok {
		return element{}, false
	}
	field := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(b[at:])) }
	if p.kind == branchType {
		e.key, ok = p.slice(start+field(0), field(4))
		e.child = binary.LittleEndian.Uint64(b[8:])
		return e, ok
	}
	e.bucket = field(0)&1 != 0
	if e.key, ok = p.slice(start+field(4), field(8)); !ok {
		return element{}, false
	}
	e.value, ok = p.slice(start+field(4)+field(8), field(12))
	return e, ok
}

// inlinePage gives the page in the value of a bucket, and the page where the
// bucket starts if it is not inline.
func inlinePage(value []byte) (p page, root uint64, ok bool) {
	if len(value) < bucketBytes {
		return page{}, 0, false
	}
	if root = binary.LittleEndian.Uint64(value); root != 0 {
		return page{}, root, true
	}
	if len(value) < bucketBytes+headerBytes {
		return page{}, 0, false
	}
	return parseHeader(value[bucketBytes:]), 0, true
}
