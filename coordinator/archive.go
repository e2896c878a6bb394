package coordinator

import (
	"sync"

	"github.com/lockstep-exec/lockstep/protocol"
)

// archive holds everything that was decided: the newest in memory, until they
// are durable in the history, and the rest there. It is safe for concurrent
// use.
type archive struct {
	history History

	mu      sync.RWMutex
	recent  []*protocol.Decision // above the history's height, ascending
	byKey   map[string]*protocol.Decision
	changed chan struct{} // closed and replaced at every decision
}

func newArchive(h History, recovered []*protocol.Decision) *archive {
	a := &archive{history: h, byKey: map[string]*protocol.Decision{}, changed: make(chan struct{})}
	a.add(recovered)
	return a
}

func (a *archive) add(ds []*protocol.Decision) {
	for _, d := range ds {
		a.recent = append(a.recent, d)
		a.byKey[d.Key] = d
	}
}

// Decided implements Decisions.
func (a *archive) Decided(ds []*protocol.Decision) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.add(ds)
	close(a.changed)
	a.changed = make(chan struct{})
}

// height is the newest decided height, and a channel that is closed when there
// is a newer one.
func (a *archive) height() (protocol.Height, <-chan struct{}) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if n := len(a.recent); n > 0 {
		return a.recent[n-1].Height(), a.changed
	}
	return a.history.Height(), a.changed
}

// byHeight gives a decision; ok is false if the height is not decided.
func (a *archive) byHeight(h protocol.Height) (d *protocol.Decision, ok bool, err error) {
	a.mu.RLock()
	if n := len(a.recent); n > 0 && h >= a.recent[0].Height() {
		defer a.mu.RUnlock()
		if i := h - a.recent[0].Height(); i < protocol.Height(n) { // any height may be asked for
			return a.recent[i], true, nil
		}
		return nil, false, nil
	}
	a.mu.RUnlock()
	return a.history.ByHeight(h)
}

// find looks a key up among all decisions.
func (a *archive) find(key string) (d *protocol.Decision, ok bool, err error) {
	a.mu.RLock()
	d, ok = a.byKey[key]
	a.mu.RUnlock()
	if ok {
		return d, true, nil
	}
	return a.history.ByKey(key)
}

// kept forgets the decisions up to a height, which the history holds now, and
// reports whether there were any.
func (a *archive) kept(h protocol.Height) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for ; n < len(a.recent) && a.recent[n].Height() <= h; n++ {
		delete(a.byKey, a.recent[n].Key)
	}
	if n > 0 {
		a.recent = append([]*protocol.Decision(nil), a.recent[n:]...)
	}
	return n > 0
}
