package protocol

import (
	"maps"
	"slices"
)

// CoordinatorState is what an incarnation of a coordinator begins with.
type CoordinatorState struct {
	Config  Config
	Epoch   Epoch // highest claimed
	Joined  map[ShardID]DirectoryID
	Decided *Decision // highest; nil before the first
	// Decisions above the history, ascending.
	Decisions []*Decision
	// Older decisions, ascending, which the history holds too: those that some
	// shard may still need the Commit of (C7).
	Older []*Decision
	// Pending blocks were proposed and neither decided nor withdrawn; the
	// first is at the height after Decided (C6).
	Pending []*Proposed
}

// DecisionLog is what the records of a coordinator's log come to, in their order.
// A copy to which nothing is added never changes.
type DecisionLog struct {
	Config  Config // zero before the cluster is made
	Epoch   Epoch  // highest claimed
	Joined  map[ShardID]DirectoryID
	Decided *Decision // highest; nil before the first
	// Recent are the newest decisions, ascending, up to Decided: those that the
	// history beside this log may lack.
	Recent []*Decision
	// Pending are the blocks proposed, neither decided nor withdrawn, in order:
	// the first is meant for the height after Decided, whatever height its
	// record names.
	Pending []*Proposed
	// Resolved are the newest acts of operators, at most MaxResolved, oldest first.
	Resolved []*Resolved
}

// MaxResolved bounds the acts of operators that are remembered.
const MaxResolved = 256

// Height is the decided height.
func (l *DecisionLog) Height() Height {
	if l.Decided == nil {
		return 0
	}
	return l.Decided.Height()
}

// Kept is the height up to which the history was known to have the decisions.
func (l *DecisionLog) Kept() Height { return l.Height() - Height(len(l.Recent)) }

// Add takes one record, and retains it. An error wraps ErrLogOrder: no correct
// coordinator has appended the record here, and nothing has changed.
func (l *DecisionLog) Add(rec Record) error {
	switch rec := rec.(type) {
	case Created:
		return l.created(rec.Config)
	case EpochClaimed:
		return l.claimed(rec.Epoch)
	case Joined:
		return l.joined(rec)
	case *Proposed:
		return l.proposed(rec)
	case Withdrawn:
		return l.withdrawn(rec)
	case *Decision:
		return l.decision(rec)
	case *Resolved:
		return l.resolved(rec)
	}
	return disorder("a %T does not belong in the log of a coordinator", rec)
}

func (l *DecisionLog) created(c Config) error {
	if !l.Config.IsZero() {
		return disorder("cluster %s is made in the log of cluster %s", c.Cluster, l.Config.Cluster)
	}
	l.Config = c
	return nil
}

func (l *DecisionLog) claimed(e Epoch) error {
	if e < l.Epoch {
		return disorder("epoch %d is claimed after epoch %d", e, l.Epoch)
	}
	l.Epoch = e
	return nil
}

func (l *DecisionLog) joined(j Joined) error {
	if d, ok := l.Joined[j.Shard]; ok && d != j.Directory {
		return disorder("shard %d is bound to data directory %s and to %s", j.Shard, d, j.Directory)
	}
	if int(j.Shard) >= l.Config.Shards() {
		return disorder("shard %d joins a cluster of %d shards", j.Shard, l.Config.Shards())
	}
	joined := make(map[ShardID]DirectoryID, len(l.Joined)+1)
	maps.Copy(joined, l.Joined)
	joined[j.Shard] = j.Directory
	l.Joined = joined
	return nil
}

func (l *DecisionLog) proposed(p *Proposed) error {
	if next := l.Height() + 1 + Height(len(l.Pending)); p.Height != next {
		return disorder("block %q is proposed at height %d, the next free one is %d", p.Key, p.Height, next)
	}
	l.Pending = append(l.Pending, p)
	return nil
}

// withdrawn takes a proposal away, and so moves those above it down (C3). A block
// may be withdrawn that was never proposed; it stands above those that were.
func (l *DecisionLog) withdrawn(w Withdrawn) error {
	if w.Height <= l.Height() {
		return disorder("block %q is withdrawn at height %d, which is decided", w.Key, w.Height)
	}
	i := w.Height - l.Height() - 1
	if i >= Height(len(l.Pending)) {
		return nil
	}
	if p := l.Pending[i]; p.Key != w.Key {
		return disorder("block %q is withdrawn at height %d, where block %q is proposed", w.Key, w.Height, p.Key)
	}
	rest := make([]*Proposed, 0, len(l.Pending)-1)
	l.Pending = append(append(rest, l.Pending[:i]...), l.Pending[i+1:]...)
	return nil
}

// decision takes the proposal at its height.
func (l *DecisionLog) decision(d *Decision) error {
	switch {
	case d.Height() != l.Height()+1:
		return disorder("height %d is decided after height %d", d.Height(), l.Height())
	case !d.buildsOn(l.Decided):
		return disorder("attempt %s is decided, but its parent or its root is not that of height %d", d.Attempt, l.Height())
	case len(l.Pending) == 0:
		return disorder("block %q is decided, but not proposed", d.Key)
	case l.Pending[0].Block != d.Block:
		return disorder("height %d is decided for block %q, but proposed as block %q", d.Height(), d.Key, l.Pending[0].Key)
	case len(d.Digests) != l.Config.Shards() || d.Attempt.Epoch > l.Epoch:
		return disorder("attempt %s is decided with %d digests, in epoch %d of a cluster of %d shards", d.Attempt, len(d.Digests), l.Epoch, l.Config.Shards())
	}
	l.Pending = slices.Clone(l.Pending[1:]) // else the block stays in memory
	l.Decided = d
	l.Recent = append(l.Recent, d)
	return nil
}

// buildsOn reports whether a decision follows the one below it, which is nil
// for the first.
func (d *Decision) buildsOn(below *Decision) bool {
	var parent AttemptID
	var root Digest
	if below != nil {
		parent, root = below.Attempt, below.Root
	}
	return d.Parent == parent && d.Root == ChainRoot(root, d.Height(), d.Block, d.Digests)
}

// resolved remembers what was done for an operator, and forgets the oldest act.
func (l *DecisionLog) resolved(r *Resolved) error {
	if n := len(l.Resolved); n >= MaxResolved {
		l.Resolved = slices.Clone(l.Resolved[n-MaxResolved+1:])
	}
	l.Resolved = append(l.Resolved, r)
	return nil
}

// Forget drops the recent decisions up to a height: the history holds them.
func (l *DecisionLog) Forget(h Height) {
	for len(l.Recent) > 0 && l.Recent[0].Height() <= h {
		l.Recent = l.Recent[1:]
	}
}

// Coordinator gives what an incarnation begins with that has read all of the log. older
// are the decisions of CoordinatorState.Older, from the history.
func (l *DecisionLog) Coordinator(older []*Decision) CoordinatorState {
	s := CoordinatorState{
		Config: l.Config, Epoch: l.Epoch, Joined: maps.Clone(l.Joined), Decided: l.Decided,
		Decisions: slices.Clone(l.Recent), Older: older,
	}
	for i, p := range l.Pending {
		moved := *p
		moved.Height = l.Height() + 1 + Height(i)
		s.Pending = append(s.Pending, &moved)
	}
	return s
}
