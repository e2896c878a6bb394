package pages

import (
	"encoding/binary"
	"hash/fnv"
)

const (
	headerBytes  = 16
	elementBytes = 16
	bucketBytes  = 16
	metaBytes    = 64

	branchFlag   = 0x01
	leafFlag     = 0x02
	metaFlag     = 0x04
	freelistFlag = 0x10

	bucketElement = 0x01

	magic   = 0xED0CDAED
	version = 2
)

var order = binary.NativeEndian

// page is a page with its overflow, as read from the file.
type page []byte

func (p page) id() uint64       { return order.Uint64(p) }
func (p page) flags() uint16    { return order.Uint16(p[8:]) }
func (p page) count() int       { return int(order.Uint16(p[10:])) }
func (p page) overflow() uint32 { return order.Uint32(p[12:]) }

// holds reports whether all elements of a branch or leaf page lie inside it.
func (p page) holds() bool { return headerBytes+p.count()*elementBytes <= len(p) }

// cut gives n bytes from a position behind the start of element i, nil if they
// are not all inside the page.
func (p page) cut(i int, position, n uint64) []byte {
	from := uint64(headerBytes+i*elementBytes) + position
	if from > uint64(len(p)) || n > uint64(len(p))-from {
		return nil
	}
	return p[from : from+n : from+n]
}

// child gives key and child page of element i of a branch page; the key is nil
// if it lies outside the page.
func (p page) child(i int) (key []byte, id uint64) {
	e := p[headerBytes+i*elementBytes:]
	return p.cut(i, uint64(order.Uint32(e)), uint64(order.Uint32(e[4:]))), order.Uint64(e[8:])
}

// pair gives element i of a leaf page; the key is nil if it or the value lies
// outside the page.
func (p page) pair(i int) (key, value []byte, bucket bool) {
	e := p[headerBytes+i*elementBytes:]
	position, keyBytes, valueBytes := uint64(order.Uint32(e[4:])), uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
	both := p.cut(i, position, keyBytes+valueBytes)
	if both == nil {
		return nil, nil, false
	}
	return both[:keyBytes:keyBytes], both[keyBytes:], order.Uint32(e)&bucketElement != 0
}

// meta is what a meta page says.
type meta struct {
	pageBytes   int64
	root        uint64
	freelist    uint64
	highWater   uint64 // every page in use has a lower id
	transaction uint64
}

// readMeta reads a meta page; ok is false if it is not sound.
func readMeta(p page) (m meta, ok bool) {
	if len(p) < headerBytes+metaBytes {
		return meta{}, false
	}
	b := p[headerBytes:]
	sum := fnv.New64a()
	sum.Write(b[:metaBytes-8])
	if order.Uint32(b) != magic || order.Uint32(b[4:]) != version || order.Uint64(b[metaBytes-8:]) != sum.Sum64() {
		return meta{}, false
	}
	return meta{
		pageBytes:   int64(order.Uint32(b[8:])),
		root:        order.Uint64(b[16:]),
		freelist:    order.Uint64(b[32:]),
		highWater:   order.Uint64(b[40:]),
		transaction: order.Uint64(b[48:]),
	}, true
}
