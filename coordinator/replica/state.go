package replica

import (
	"errors"
	"fmt"
	"maps"

	"github.com/lockstep-exec/lockstep/protocol"
)

// ErrFenced says that an entry, or the incarnation that appends it, was
// overtaken by another one. It changed nothing.
var ErrFenced = errors.New("the decision log was taken over")

// ErrOrder says that an entry cannot have been appended by a correct coordinator
// at this place. It changed nothing, on any replica.
var ErrOrder = protocol.ErrLogOrder

func disorder(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrOrder}, args...)...)
}

// State is what the entries of the log come to, the same on every replica that
// has applied the same entries; but for Recent, which depends on how far the
// history of this replica is. A copy of a State is never changed by later
// entries.
type State struct {
	protocol.DecisionLog      // Invariant: its Epoch is that of the Mark
	Mark                 Mark // of the last entry that counted
	// Enrolled binds every member that was ever met to its data directory.
	Enrolled map[string]protocol.DirectoryID
	// Needed is the lowest height that a resync may ask for (C7).
	Needed protocol.Height
}

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
	s.Mark, s.Epoch = e.At, e.At.Epoch
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
	case Enrolled:
		return s.enrolled(item)
	case Needed:
		s.Needed = max(s.Needed, min(item.Height, s.Height()))
		return nil
	case protocol.EpochClaimed:
		if item.Epoch != s.Mark.Epoch || s.Mark.Number != 1 {
			return disorder("epoch %d is claimed in entry %d of epoch %d", item.Epoch, s.Mark.Number, s.Mark.Epoch)
		}
	}
	record, ok := item.(protocol.Record)
	if !ok {
		return disorder("a %T does not belong in the log of a coordinator", item)
	}
	return s.DecisionLog.Add(record)
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
