package boltfile

import "encoding/binary"

// freelist reads the freelist and compares it with what the walk has seen: of
// all pages, each is used or free, and none is both.
func (w *walk) freelist() {
	if w.file.meta.freelist == noFreelist {
		return // bbolt works it out when it opens the file
	}
	id := w.file.meta.freelist
	p, err := w.claim(id, inFreelist)
	if err != nil {
		w.find(id, "freelist: %v", err)
		return
	}
	if p.kind != freelistType {
		w.find(id, "freelist is of type %#x", p.kind)
		return
	}
	ids, ok := p.freeIDs()
	if !ok {
		w.find(id, "freelist reaches out of its page")
		return
	}
	for ; len(ids) > 0; ids = ids[8:] {
		w.free(id, binary.LittleEndian.Uint64(ids))
	}
	w.lost()
}

// freeIDs gives the ids of a freelist page, 8 bytes each.
func (p page) freeIDs() ([]byte, bool) {
	start, count := uint64(headerBytes), uint64(p.count)
	if count == 0xffff {
		first, ok := p.slice(start, 8)
		if !ok {
			return nil, false
		}
		start, count = start+8, binary.LittleEndian.Uint64(first)
	}
	if count > uint64(len(p.bytes))/8 {
		return nil, false
	}
	return p.slice(start, 8*count)
}

func (w *walk) free(list, id uint64) {
	switch {
	case id < 2 || id >= w.file.meta.pages:
		w.find(list, "freelist names page %d, which is not there", id)
	case w.uses[id] == isFree:
		w.find(id, "free twice")
	case w.uses[id] != 0:
		w.find(id, "in use, and free")
	default:
		w.uses[id] = isFree
	}
}

// lost reports pages that are neither used nor free: harmless for reading, and
// a sign that a part of the tree or of the freelist is missing.
func (w *walk) lost() {
	for id := uint64(2); id < w.file.meta.pages; id++ {
		if w.uses[id] == 0 {
			w.find(id, "neither in use nor free")
		}
	}
}
