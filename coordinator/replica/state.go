package replica

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/lockstep-exec/lockstep/protocol"
)

// ErrFenced says that an entry, or the incarnation that appends it, was
// overtaken by another one. It changed nothing.
var ErrFenced = errors.New("the decision log was taken over")

// ErrOrder says that an entry cannot have been appended by a correct coordinator
// at this place. It changed nothing, on any replica.
var ErrOrder = errors.New("entry out of order")

func disorder(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrOrder}, args...)...)
}

// State is what the entries of the log come to, the same on every replica that
// has applied the same entries. A copy of a State is never changed by later
// entries.
type State struct {
	Config protocol.Config // zero before the cluster is made
	Mark   Mark            // of the last entry that counted
	Joined map[protocol.ShardID]protocol.DirectoryID
	// Enrolled binds every member that was ever met to its data directory.
	Enrolled map[string]protocol.DirectoryID
	// Needed is the lowest height that a resync may ask for (C7).
	Needed  protocol.Height
	Decided *protocol.Decision // highest; nil before the first
	// Recent are the newest decisions, ascending, up to Decided: those that the
	// history of this replica may lack. How many there are differs from replica
	// to replica, and nothing else does.
	Recent []*protocol.Decision
	// Pending are the blocks proposed, neither decided nor withdrawn, in order:
	// the first is meant for the height after Decided, whatever height its
	// record names.
	Pending []*protocol.Proposed
	// Resolved are the newest acts of operators, at most MaxResolved, oldest first.
	Resolved []*protocol.Resolved
}

// MaxResolved bounds the acts of operators that are remembered.
const MaxResolved = 256

// Height is the decided height.
func (s *State) Height() protocol.Height {
	if s.Decided == nil {
		return 0
	}
	return s.Decided.Height()
}

// Kept is the height up to which the history was known to have the decisions.
func (s *State) Kept() protocol.Height { return s.Height() - protocol.Height(len(s.Recent)) }

// Apply takes an entry, all of it or nothing. The error says why it does not
// count: ErrFenced or ErrOrder.
func (s *State) Apply(e Entry) error {
	next := *s
	if err := next.advance(e); err != nil {
		return err
	}
	for _, item := range e.Items {
		if err := next.add(item); err != nil {
			return err
		}
	}
	*s = next
	return nil
}

// advance moves the mark, or finds the entry fenced.
func (s *State) advance(e Entry) error {
	if e.After != s.Mark {
		return fmt.Errorf("%w: entry %d of epoch %d builds on entry %d of epoch %d, but entry %d of epoch %d is the last",
			ErrFenced, e.At.Number, e.At.Epoch, e.After.Number, e.After.Epoch, s.Mark.Number, s.Mark.Epoch)
	}
	switch {
	case e.At.Epoch == s.Mark.Epoch && e.At.Number == s.Mark.Number+1:
	case e.At.Epoch > s.Mark.Epoch && e.At.Number == 1 && claims(e):
	default:
		return disorder("entry %d of epoch %d after entry %d of epoch %d", e.At.Number, e.At.Epoch, s.Mark.Number, s.Mark.Epoch)
	}
	s.Mark = e.At
	return nil
}

// claims reports whether an entry claims the epoch that it is of.
func claims(e Entry) bool {
	for _, item := range e.Items {
		if item == (protocol.EpochClaimed{Epoch: e.At.Epoch}) {
			return true
		}
	}
	return false
}

func (s *State) add(item Item) error {
	switch item := item.(type) {
	case protocol.Created:
		return s.created(item.Config)
	case protocol.EpochClaimed:
		if item.Epoch != s.Mark.Epoch || s.Mark.Number != 1 {
			return disorder("epoch %d is claimed in entry %d of epoch %d", item.Epoch, s.Mark.Number, s.Mark.Epoch)
		}
	case protocol.Joined:
		return s.joined(item)
	case *protocol.Proposed:
		return s.proposed(item)
	case protocol.Withdrawn:
		return s.withdrawn(item)
	case *protocol.Decision:
		return s.decision(item)
	case *protocol.Resolved:
		s.resolved(item)
	case Enrolled:
		return s.enrolled(item)
	case Needed:
		s.Needed = max(s.Needed, min(item.Height, s.Height()))
	default:
		return disorder("a %T does not belong in the log of a coordinator", item)
	}
	return nil
}

func (s *State) created(c protocol.Config) error {
	if !s.Config.IsZero() {
		return disorder("cluster %s is made in the log of cluster %s", c.Cluster, s.Config.Cluster)
	}
	s.Config = c
	return nil
}

func (s *State) joined(j protocol.Joined) error {
	if d, ok := s.Joined[j.Shard]; ok && d != j.Directory {
		return disorder("shard %d is bound to data directory %s and to %s", j.Shard, d, j.Directory)
	}
	if int(j.Shard) >= s.Config.Shards() {
		return disorder("shard %d joins a cluster of %d shards", j.Shard, s.Config.Shards())
	}
	s.Joined = with(s.Joined, j.Shard, j.Directory)
	return nil
}

func (s *State) enrolled(e Enrolled) error {
	if d, ok := s.Enrolled[e.Name]; ok && d != e.Directory {
		return disorder("member %q is bound to data directory %s and to %s", e.Name, d, e.Directory)
	}
	s.Enrolled = with(s.Enrolled, e.Name, e.Directory)
	return nil
}

// with gives a copy of a map with one more entry.
func with[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	n := make(map[K]V, len(m)+1)
	maps.Copy(n, m)
	n[k] = v
	return n
}

func (s *State) proposed(p *protocol.Proposed) error {
	if next := s.Height() + 1 + protocol.Height(len(s.Pending)); p.Height != next {
		return disorder("block %q is proposed at height %d, the next free one is %d", p.Key, p.Height, next)
	}
	s.Pending = append(s.Pending, p)
	return nil
}

// withdrawn takes a proposal away. A block may be withdrawn that was never
// proposed; it stands above those that were.
func (s *State) withdrawn(w protocol.Withdrawn) error {
	if w.Height <= s.Height() {
		return disorder("block %q is withdrawn at height %d, which is decided", w.Key, w.Height)
	}
	i := int(w.Height - s.Height() - 1)
	if i >= len(s.Pending) {
		return nil
	}
	if p := s.Pending[i]; p.Key != w.Key {
		return disorder("block %q is withdrawn at height %d, where block %q is proposed", w.Key, w.Height, p.Key)
	}
	rest := make([]*protocol.Proposed, 0, len(s.Pending)-1)
	s.Pending = append(append(rest, s.Pending[:i]...), s.Pending[i+1:]...)
	return nil
}

func (s *State) decision(d *protocol.Decision) error {
	switch {
	case d.Height() != s.Height()+1:
		return disorder("height %d is decided after height %d", d.Height(), s.Height())
	case !buildsOn(d, s.Decided):
		return disorder("attempt %s is decided, but its parent or its root is not that of height %d", d.Attempt, s.Height())
	case len(s.Pending) == 0:
		return disorder("block %q is decided, but not proposed", d.Key)
	case s.Pending[0].Block != d.Block:
		return disorder("height %d is decided for block %q, but proposed as block %q", d.Height(), d.Key, s.Pending[0].Key)
	case len(d.Digests) != s.Config.Shards() || d.Attempt.Epoch > s.Mark.Epoch:
		return disorder("attempt %s of epoch %d is decided with %d digests", d.Attempt, s.Mark.Epoch, len(d.Digests))
	}
	s.Pending = slices.Clone(s.Pending[1:]) // else the block stays in memory
	s.Decided = d
	s.Recent = append(s.Recent, d)
	return nil
}

// resolved remembers what was done for an operator, and forgets the oldest act.
func (s *State) resolved(r *protocol.Resolved) {
	if n := len(s.Resolved); n >= MaxResolved {
		s.Resolved = slices.Clone(s.Resolved[n-MaxResolved+1:])
	}
	s.Resolved = append(s.Resolved, r)
}

// buildsOn reports whether a decision follows the one below it, which is nil
// for the first.
func buildsOn(d, below *protocol.Decision) bool {
	var parent protocol.AttemptID
	var root protocol.Digest
	if below != nil {
		parent, root = below.Attempt, below.Root
	}
	return d.Parent == parent && d.Root == protocol.ChainRoot(root, d.Height(), d.Block, d.Digests)
}

// forget drops the recent decisions up to a height.
func (s *State) forget(h protocol.Height) {
	for len(s.Recent) > 0 && s.Recent[0].Height() <= h {
		s.Recent = s.Recent[1:]
	}
}

// Coordinator gives what an incarnation begins with. older are the decisions
// from Needed on that the history has, ascending.
func (s *State) Coordinator(older []*protocol.Decision) protocol.CoordinatorState {
	c := protocol.CoordinatorState{
		Config: s.Config, Epoch: s.Mark.Epoch, Joined: maps.Clone(s.Joined), Decided: s.Decided,
		Decisions: append([]*protocol.Decision(nil), s.Recent...), Older: older,
	}
	for i, p := range s.Pending {
		moved := *p
		moved.Height = s.Height() + 1 + protocol.Height(i)
		c.Pending = append(c.Pending, &moved)
	}
	return c
}
