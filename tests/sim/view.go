package sim

import (
	"bytes"
	"errors"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
)

const (
	// mostViews is how many views are open at once, in the whole cluster.
	mostViews = 3
	// viewFlushes is how many checkpoints a view outlives: the database grows
	// while it is open, and has to stay within what is mapped.
	viewFlushes = 8
)

// openView is a view of the state of a shard that somebody reads from for a
// while, whatever is committed and checkpointed meanwhile.
type openView struct {
	*state.View
	process *shardProcess
	next    time.Duration // when it is read next
	until   time.Duration // when it is closed
	flushes int           // since it was opened
}

// look opens a view of some shard at a height that it may still have.
func (w *world) look(c chooser) {
	p := one(c, w.shards).process
	if p == nil || len(w.views) >= mostViews {
		return
	}
	newest := int(p.store.CommittedHeight())
	at := protocol.Height(c.between(max(0, newest-3), newest))
	v, err := p.store.ViewCommitted(at)
	switch {
	case errors.Is(err, state.ErrPruned):
		return
	case err != nil:
		_ = w.fail("8 atomic reads", "%s cannot show height %d: %v", p.name, at, err)
	}
	w.count("views")
	w.views = append(w.views, &openView{View: v, process: p, next: w.now, until: w.now + c.wait(0, time.Second)})
}

// read reads a key, and compares it with the sequential run.
func (v *openView) read(w *world) {
	v.next = w.now + w.lookEvery/8
	key := w.anyKey(w.draw)
	if w.config.Slots.Owner(key) != v.process.shard.id {
		return
	}
	value, ok, err := v.Get(key)
	want, _ := w.reference.at(key, v.AsOf())
	w.check(err == nil && ok == want.present && bytes.Equal(value, want.value), "8 atomic reads",
		"an open view of %s has key %q at height %d as %x (%v, %v), a sequential run has %x (%v)", v.process.name, key, v.AsOf(), value, ok, err, want.value, want.present)
	w.reads++
}

// over reports whether the view is to be closed.
func (v *openView) over(w *world) bool {
	return w.calm || v.process.dead || w.now >= v.until || v.flushes >= viewFlushes
}

// closeViews closes the views that are over.
func (w *world) closeViews() {
	open := w.views[:0]
	for _, v := range w.views {
		if v.over(w) {
			v.Close()
		} else {
			open = append(open, v)
		}
	}
	clear(w.views[len(open):])
	w.views = open
}

// flushed counts the checkpoints that views outlive.
func (w *world) flushed(p *shardProcess) {
	for _, v := range w.views {
		if v.process == p {
			w.count("checkpoints under a view")
			v.flushes++
		}
	}
}
