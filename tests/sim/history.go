package sim

import (
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/coordinator/history"
	"github.com/lockstep-exec/lockstep/protocol"
)

// archive is the history of one coordinator, in memory but for the encodings.
// Whoever takes over has a copy of its own.
type archive struct {
	meta      history.Meta
	decisions [][]byte // by height, from 1
	keys      map[string]protocol.Height
	last      *protocol.Decision
}

func (a *archive) copy() *archive {
	b := &archive{meta: a.meta, decisions: a.decisions[:len(a.decisions):len(a.decisions)], keys: map[string]protocol.Height{}, last: a.last}
	for key, h := range a.keys {
		b.keys[key] = h
	}
	return b
}

// pastOf is the history as a core sees it, which a snapshot may replace.
type pastOf struct{ process *coordinatorProcess }

// ByHeight implements coordinator.History.
func (h pastOf) ByHeight(at protocol.Height) (*protocol.Decision, bool, error) {
	return h.process.history.ByHeight(at)
}

// ByKey implements coordinator.History.
func (h pastOf) ByKey(key string) (*protocol.Decision, bool, error) {
	return h.process.history.ByKey(key)
}

// Height implements coordinator.History.
func (h pastOf) Height() protocol.Height { return h.process.history.Height() }

// historyOf is the history as the keeper of one replica sees it.
type historyOf struct {
	process *coordinatorProcess
	*archive
}

// Append implements replica.Keeping. What history.History would refuse is
// a mistake of the coordinator.
func (h historyOf) Append(meta history.Meta, decisions []*protocol.Decision) error {
	p := h.process
	p.operation("before the history")
	switch {
	case p.noSpace:
		p.noSpace = false
		return history.ErrNoSpace
	case p.failHistory:
		p.failHistory, p.historyFailed = false, true
		if p.percent(50) {
			h.add(meta, decisions)
		}
		return errors.New("input/output error")
	}
	p.meanwhile()
	if err := h.misfit(meta, decisions); err != nil {
		return p.world.fail("5 order", "the history of %s is given what does not continue it: %v", p.name, err)
	}
	h.add(meta, decisions)
	p.world.count("history appends")
	p.operation("after the history")
	return nil
}

func (h historyOf) misfit(meta history.Meta, decisions []*protocol.Decision) error {
	was := h.meta
	switch {
	case !meta.Config.Equal(was.Config) || meta.Log.ID != was.Log.ID:
		return errors.New("it belongs to another cluster or log")
	case meta.Epoch < was.Epoch || meta.Log.Keep < was.Log.Keep || meta.Log.Forced < was.Log.Forced:
		return fmt.Errorf("meta goes back: %+v after %+v", meta, was)
	case meta.Log.Keep > meta.Log.Forced+1:
		return fmt.Errorf("position %d is kept, %d is forced", meta.Log.Keep, meta.Log.Forced)
	}
	for s, d := range was.Joined {
		if meta.Joined[s] != d {
			return fmt.Errorf("shard %d was bound to %s", s, d)
		}
	}
	below := h.last
	for _, d := range decisions {
		var parent protocol.AttemptID
		var root protocol.Digest
		height := protocol.Height(0)
		if below != nil {
			parent, root, height = below.Attempt, below.Root, below.Height()
		}
		switch {
		case d.Height() != height+1 || d.Parent != parent || d.Root != protocol.ChainRoot(root, d.Height(), d.Block, d.Digests):
			return fmt.Errorf("attempt %s does not follow attempt %s", d.Attempt, parent)
		case d.Attempt.Epoch > meta.Epoch:
			return fmt.Errorf("attempt %s is above epoch %d", d.Attempt, meta.Epoch)
		case h.keys[d.Key] != 0:
			return fmt.Errorf("block key %q is there", d.Key)
		}
		below = d
	}
	return nil
}

func (a *archive) add(meta history.Meta, decisions []*protocol.Decision) {
	a.meta = meta
	for _, d := range decisions {
		a.decisions = append(a.decisions, protocol.EncodeRecord(d))
		a.keys[d.Key] = d.Height()
		a.last = d
	}
}

// ByHeight implements coordinator.History.
func (a *archive) ByHeight(h protocol.Height) (*protocol.Decision, bool, error) {
	if h == 0 || h > a.Height() {
		return nil, false, nil
	}
	record, err := protocol.DecodeRecord(protocol.RecordDecided, a.decisions[h-1])
	if err != nil {
		return nil, false, err
	}
	return record.(*protocol.Decision), true, nil
}

// ByKey implements coordinator.History.
func (a *archive) ByKey(key string) (*protocol.Decision, bool, error) { return a.ByHeight(a.keys[key]) }

// Height implements coordinator.History.
func (a *archive) Height() protocol.Height { return protocol.Height(len(a.decisions)) }

// Meta implements coordinator.History.
func (a *archive) Meta() history.Meta { return a.meta }
