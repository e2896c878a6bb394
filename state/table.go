package state

import (
	"hash/maphash"
	"sync"

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
	switch {
	case v.deleted:
		return nil, false, nil
	case v.value == nil:
		return []byte{}, true, nil
	}
	return v.value, true, nil
}

// history is the versions of one key. Most keys have one, and then it needs no
// slice.
//
// Invariant: heights ascend strictly, newest last.
type history struct {
	older  []version
	newest version
}

// table holds, in memory, the versions of all keys that were written above the
// pruned height. All methods are safe for concurrent use.
type table struct {
	seed  maphash.Seed
	parts [tableParts]tablePart
}

type tablePart struct {
	mu   sync.RWMutex
	keys map[string]*history
	_    [32]byte // keeps neighbours out of one cache line
}

func newTable() *table {
	t := &table{seed: maphash.MakeSeed()}
	for i := range t.parts {
		t.parts[i].keys = make(map[string]*history)
	}
	return t
}

func (t *table) part(key []byte) *tablePart {
	return &t.parts[maphash.Bytes(t.seed, key)%tableParts]
}

// get gives the newest version with above < height <= asOf.
func (t *table) get(key []byte, above, asOf protocol.Height) (version, bool) {
	p := t.part(key)
	p.mu.RLock()
	defer p.mu.RUnlock()
	h := p.keys[string(key)]
	if h == nil {
		return version{}, false
	}
	v := h.newest
	for i := len(h.older) - 1; v.height > asOf; i-- { // readers want the newest, or nearly
		if i < 0 {
			return version{}, false
		}
		v = h.older[i]
	}
	return v, v.height > above
}

// push adds the writes of a height above all that the table holds.
func (t *table) push(height protocol.Height, writes []protocol.WriteOp) {
	for _, w := range writes {
		t.part(w.Key).push(w.Key, version{height, w.Value, w.Delete})
	}
}

func (p *tablePart) push(key []byte, v version) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.keys[string(key)]; h != nil {
		h.older = append(h.older, h.newest)
		h.newest = v
		return
	}
	// The key is copied: the writes of a block share one large buffer, which a
	// key that lives on would keep in memory.
	p.keys[string(key)] = &history{newest: v}
}

// popNewest undoes the push of the highest height.
func (t *table) popNewest(writes []protocol.WriteOp) {
	t.pop(writes, func(h *history) {
		last := len(h.older) - 1
		h.newest, h.older[last] = h.older[last], version{}
		h.older = h.older[:last]
	})
}

// popOldest forgets the lowest height.
func (t *table) popOldest(writes []protocol.WriteOp) {
	t.pop(writes, func(h *history) {
		h.older[0] = version{} // lets go of the value; append moves the rest one day
		h.older = h.older[1:]
	})
}

// pop takes one version off the history of each key that is written: the only
// one, with its key, or the one that shorten takes off.
func (t *table) pop(writes []protocol.WriteOp, shorten func(*history)) {
	for _, w := range writes {
		t.part(w.Key).pop(w.Key, shorten)
	}
}

func (p *tablePart) pop(key []byte, shorten func(*history)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.keys[string(key)]; len(h.older) > 0 {
		shorten(h)
	} else {
		delete(p.keys, string(key))
	}
}

// keyCount is the number of keys that have a version.
func (t *table) keyCount() (n int) {
	for i := range t.parts {
		p := &t.parts[i]
		p.mu.RLock()
		n += len(p.keys)
		p.mu.RUnlock()
	}
	return n
}
