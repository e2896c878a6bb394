package replica

import (
	"fmt"
	"sync"

	"github.com/lockstep-exec/lockstep/protocol"
)

const (
	// mostInFlight bounds the entries that nobody has waited for yet.
	mostInFlight = 64
	// mostHeldBytes bounds the records that wait for the next entry.
	mostHeldBytes = 2 << 20
	// splitBytes is the length of entries above which the next begins: a record
	// is never cut, so one may be as long as the longest record. Raft counts in
	// entries what it sends to a member at once, and so what it holds in memory.
	splitBytes = 1 << 20
)

// Group is what a Log appends through; a Replica has one.
type Group interface {
	// Propose hands an entry over, in order. wait gives what becomes of it, once:
	// nil when it is durable on a majority and counts. ErrFenced, also wrapped, is
	// all that has to do with who leads; any other error is one of the disk.
	Propose(entry []byte) (wait func() error)
	// Alone reports whether nobody else is a member.
	Alone() bool
	// Confirm fails unless this member leads now.
	Confirm() error
	// Mark is that of the last entry that this member has applied.
	Mark() Mark
}

// Log is the decision log as one incarnation of the coordinator sees it. It is
// safe for concurrent use.
//
// The first failure ends it: what was appended and not confirmed is then unknown,
// and another incarnation may have begun.
type Log struct {
	group Group
	epoch protocol.Epoch // of this incarnation

	mu       sync.Mutex
	last     Mark // of the last entry that was proposed
	held     []Item
	heldSize int
	needed   protocol.Height // told by Needed, and not in an entry yet
	inFlight []func() error
	enrolled map[string]bool // names in entries of this incarnation
	ended    error
}

// NewLog gives the log to an incarnation that has read the state with this mark,
// and is going to claim the epoch after it.
func NewLog(g Group, read Mark) *Log {
	return &Log{group: g, epoch: read.Epoch + 1, last: read, enrolled: map[string]bool{}}
}

// Append writes the records in one piece; with force it returns only when they,
// and all before them, are durable on a majority. It fails with ErrFenced when
// this incarnation does not own the log any more, or when nobody can tell whether
// it does: then the outcome is unknown. Any other error is one of the disk, with
// an outcome as unknown.
//
// The first records claim the epoch.
func (l *Log) Append(records []protocol.Record, force bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended != nil {
		return l.ended
	}
	for _, r := range records {
		l.hold(r)
	}
	if !force && l.heldSize < mostHeldBytes && l.group.Alone() {
		return nil // one force for these and the next: nobody else wants them earlier
	}
	if len(l.held) == 0 && !force {
		return nil
	}
	if err := l.propose(); err != nil {
		return l.end(err)
	}
	if !force {
		return nil
	}
	return l.end(l.settle(0))
}

func (l *Log) hold(item Item) {
	l.held = append(l.held, item)
	if p, ok := item.(*protocol.Proposed); ok {
		l.heldSize += len(p.Body)
	}
}

// Needed tells that no resync asks for decisions below a height any more. It
// rides with the next entry.
func (l *Log) Needed(h protocol.Height) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.needed = max(l.needed, h)
}

// Enroll binds a member to its data directory. It does not wait.
func (l *Log) Enroll(name string, directory protocol.DirectoryID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended != nil || l.last.Epoch != l.epoch || l.enrolled[name] {
		return l.ended // before the epoch is claimed nothing else is appended
	}
	l.enrolled[name] = true
	l.hold(Enrolled{name, directory})
	return l.end(l.propose())
}

// Confirm fails with ErrFenced if this incarnation no longer owns the log, or
// cannot find out.
func (l *Log) Confirm() error {
	l.mu.Lock()
	ended := l.ended
	l.mu.Unlock()
	if ended != nil {
		return ended
	}
	return l.owned()
}

// Current fails with ErrFenced unless nobody else can have begun an incarnation and
// decided anything before the call. It does not wait for what is being appended, and
// costs a member that is alone nothing.
func (l *Log) Current() error {
	if l.group.Alone() {
		return nil
	}
	return l.owned()
}

func (l *Log) owned() error {
	if err := l.group.Confirm(); err != nil {
		return fmt.Errorf("%w: %w", ErrFenced, err)
	}
	if mark := l.group.Mark(); mark.Epoch != l.epoch {
		return fmt.Errorf("%w: epoch %d was claimed", ErrFenced, mark.Epoch)
	}
	return nil
}

// propose hands what is held to raft, in as many entries as it takes. Without
// anything it hands over an empty entry: that it is applied shows that the log is
// still this incarnation's.
func (l *Log) propose() error {
	if l.needed > 0 {
		l.hold(Needed{l.needed})
		l.needed = 0
	}
	for {
		n, size := 0, 0
		for n < len(l.held) && (n == 0 || size < splitBytes) {
			if p, ok := l.held[n].(*protocol.Proposed); ok {
				size += len(p.Body)
			}
			if n > 0 && size > splitBytes {
				break
			}
			n++
		}
		if err := l.proposeEntry(l.held[:n]); err != nil {
			return err
		}
		l.held = l.held[n:]
		if len(l.held) == 0 {
			l.held, l.heldSize = nil, 0
			return nil
		}
	}
}

func (l *Log) proposeEntry(items []Item) error {
	if err := l.settle(mostInFlight - 1); err != nil {
		return err
	}
	e := Entry{At: Mark{l.epoch, 1}, After: l.last, Items: items}
	if l.last.Epoch == l.epoch {
		e.At.Number = l.last.Number + 1
	}
	l.inFlight = append(l.inFlight, l.group.Propose(e.Encode()))
	l.last = e.At
	return nil
}

// settle waits until at most so many entries are in flight.
func (l *Log) settle(most int) error {
	for len(l.inFlight) > most {
		wait := l.inFlight[0]
		l.inFlight[0] = nil // with the entry that it keeps
		l.inFlight = l.inFlight[1:]
		if err := wait(); err != nil {
			return fmt.Errorf("append to the log: %w", err)
		}
	}
	return nil
}

// end notes the first error.
func (l *Log) end(err error) error {
	if err != nil && l.ended == nil {
		l.ended = err
	}
	return err
}

// close ends the log and waits for what is in flight: raft must be alive.
func (l *Log) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end(fmt.Errorf("%w: this coordinator stops", ErrFenced)) //nolint:errcheck // it gives back what it was given
	for _, wait := range l.inFlight {
		_ = wait() // nobody asks for it any more
	}
	l.inFlight = nil
}
