package state

import (
	"bytes"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"

	"github.com/lockstep-exec/lockstep/protocol"
)

// tableParts is the number of independently locked parts of the table; a power
// of two.
const tableParts = 64

// version is the value of a key from one height on.
type version struct {
	height  protocol.Height
	value   []byte
	deleted bool
}

// get gives the value in the form of View.Get.
func (v version) get() ([]byte, bool, error) {
	if v.deleted {
		return nil, false, nil
	}
	return v.value, true, nil
}

// table finds, in memory, the versions of all keys that were written above the
// pruned height. The versions stand in the layers. The table has the place of
// the newest one by the hash of its key, and each names the place of the one
// before, so the versions of a key are a chain, newest first. Keys that happen
// to have the same hash share a chain.
//
// get is safe for concurrent use with everything. push and popNewest are for
// who holds staging, popOldest for who holds flushing.
type table struct {
	hash  func(key []byte) uint64 // never 0
	parts [tableParts]tablePart

	// Invariant: a place that a part names is in the layers, or leads nowhere,
	// and does so for ever: it was cut off at their lower end. So get loads them
	// before it lets go of the part, push adds to them before it names a place,
	// and popNewest cuts them afterwards.
	layers   atomic.Pointer[layers]
	changing sync.Mutex // held to replace layers
}

type tablePart struct {
	mu     sync.RWMutex
	newest slots
	_      [8]byte // keeps neighbours out of one cache line
}

// place names a write of a layer. A place whose layer is gone leads nowhere.
type place struct {
	height uint32 // the low bits; the heights in memory are never that far apart
	at     uint32 // index into the writes
}

var nowhere = place{at: math.MaxUint32} // no layer has so many writes

// layers are consecutive heights, ascending. They never change.
type layers []*layer

// find gives the write at a place, and its layer; nil if the place leads nowhere.
func (ls layers) find(p place) (*layer, *layerWrite) {
	if len(ls) == 0 {
		return nil, nil
	}
	i := p.height - uint32(ls[0].height) //nolint:G115 // the low bits, as in a place
	if uint64(i) >= uint64(len(ls)) || uint64(p.at) >= uint64(len(ls[i].writes)) {
		return nil, nil
	}
	return ls[i], &ls[i].writes[p.at]
}

// have reports whether a place leads to a write.
func (ls layers) have(p place) bool {
	l, _ := ls.find(p)
	return l != nil
}

func newTable() *table {
	seed := maphash.MakeSeed()
	t := &table{hash: func(key []byte) uint64 { return max(1, maphash.Bytes(seed, key)) }}
	t.layers.Store(&layers{})
	return t
}

func (t *table) part(hash uint64) *tablePart { return &t.parts[hash%tableParts] }

// get gives the newest version with above < height <= asOf. Its value aliases
// a layer.
func (t *table) get(key []byte, above, asOf protocol.Height) (version, bool) {
	at, layers := t.newest(t.hash(key))
	for l, w := layers.find(at); l != nil && l.height > above; l, w = layers.find(at) {
		if i := int(at.at); l.height <= asOf && bytes.Equal(l.key(i), key) {
			return version{height: l.height, value: l.value(i), deleted: w.deleted}, true
		}
		at = w.before
	}
	return version{}, false
}

// newest gives the newest place under a hash, and layers to find it in.
func (t *table) newest(hash uint64) (place, layers) {
	p := t.part(hash)
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.newest.get(hash), *t.layers.Load()
}

// change replaces the layers.
func (t *table) change(next func(layers) layers) {
	t.changing.Lock()
	defer t.changing.Unlock()
	changed := next(*t.layers.Load())
	t.layers.Store(&changed)
}

// push adds a layer above all that the table holds.
func (t *table) push(l *layer) {
	t.change(func(ls layers) layers { return append(ls[:len(ls):len(ls)], l) })
	for i := range l.writes {
		w := &l.writes[i]
		w.hash = t.hash(l.key(i))
		t.part(w.hash).push(w, place{uint32(l.height), uint32(i)}, &t.layers) //nolint:G115 // the low bits are what a place keeps
	}
}

func (p *tablePart) push(w *layerWrite, at place, all *atomic.Pointer[layers]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.before = p.newest.put(w.hash, at, *all.Load())
}

// popNewest undoes the push of the highest layer. Of keys that share a hash the
// last one pushed comes first.
func (t *table) popNewest(l *layer) {
	for i := len(l.writes) - 1; i >= 0; i-- {
		w := &l.writes[i]
		t.part(w.hash).popNewest(w)
	}
	t.change(func(ls layers) layers { return ls[: len(ls)-1 : len(ls)-1] })
}

func (p *tablePart) popNewest(w *layerWrite) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.newest.table[p.newest.find(w.hash)].newest = w.before
}

// popOldest forgets so many of the lowest layers. Places in them lead nowhere
// from now on.
func (t *table) popOldest(n int) {
	t.change(func(ls layers) layers { return append(layers(nil), ls[n:]...) })
}

// keyCount is the number of keys that have a version.
func (t *table) keyCount() (n int) {
	for i := range t.parts {
		p := &t.parts[i]
		p.mu.RLock()
		n += p.newest.count(*t.layers.Load())
		p.mu.RUnlock()
	}
	return n
}
