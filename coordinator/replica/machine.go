package replica

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/lockstep-exec/lockstep/coordinator/replica/raftsnap"
	"github.com/lockstep-exec/lockstep/protocol"
)

// Machine holds the State of one replica, and says what its keeper has still to
// do. It is safe for concurrent use.
type Machine struct {
	mu      sync.Mutex
	state   State
	applied uint64        // raft index of the last entry that was applied
	bytes   int64         // applied since the last snapshot
	waits   chan struct{} // capacity 1; tells that decisions wait for the keeper
	stuck   error         // an entry could not be read: nothing above it is applied
}

// ErrUnreadable says that an entry of the log is none that this program knows.
// The replica that finds one stops: to pass it over would be to come to another
// state than those that know it.
var ErrUnreadable = errors.New("an entry of the replicated log cannot be read: run the version of lockstep that the other coordinators run")

// NewMachine makes a machine that has applied entries up to an index.
func NewMachine(s State, applied uint64) *Machine {
	m := &Machine{state: s, applied: applied, waits: make(chan struct{}, 1)}
	m.notify()
	return m
}

// Apply takes the entry at an index. The error says why it changed nothing;
// every replica comes to the same one. After ErrUnreadable nothing more is applied.
func (m *Machine) Apply(index uint64, data []byte) error {
	e, err := DecodeEntry(data)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil && m.stuck == nil {
		m.stuck = fmt.Errorf("entry %d: %w: %w", index, ErrUnreadable, err)
	}
	if m.stuck != nil {
		return m.stuck
	}
	m.applied = index
	m.bytes += int64(len(data))
	waited := len(m.state.Recent)
	if err := m.state.Apply(e); err != nil {
		return err
	}
	if len(m.state.Recent) > waited {
		m.notify()
	}
	return nil
}

func (m *Machine) notify() {
	select {
	case m.waits <- struct{}{}:
	default:
	}
}

// State copies what the entries have come to, and gives the index of the last.
func (m *Machine) State() (State, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, m.applied
}

// replace begins anew, with what a snapshot says.
func (m *Machine) replace(s State, applied uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state, m.applied, m.bytes, m.stuck = s, applied, 0, nil
	m.notify()
}

// kept forgets decisions that the history holds now.
func (m *Machine) kept(h protocol.Height) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Forget(h)
}

// sinceSnapshot is how many bytes of entries were applied since the last
// snapshot.
func (m *Machine) sinceSnapshot() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}

// snapshot captures the state for a snapshot, encoded when it is written.
func (m *Machine) snapshot() captured {
	m.mu.Lock()
	defer m.mu.Unlock()
	return captured{m.state, m.applied}
}

// snapshotted tells that a snapshot was written that holds so many of the bytes.
func (m *Machine) snapshotted(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes = max(0, m.bytes-bytes)
}

// err is ErrUnreadable once nothing more is applied.
func (m *Machine) err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stuck
}

// fsm is the Machine of a replica as raft sees it.
type fsm struct{ *Replica }

// Apply implements raft.FSM. The response is nil or an error.
func (f fsm) Apply(entry *raft.Log) any {
	err := f.machine.Apply(entry.Index, entry.Data)
	switch {
	case errors.Is(err, ErrUnreadable):
		return f.fail(err)
	case err != nil:
		f.logger.Debug("an entry does not count", "index", entry.Index, "reason", err)
		return err
	}
	return nil
}

// Snapshot implements raft.FSM. It refuses what would stand for entries that were
// not applied.
func (f fsm) Snapshot() (raft.FSMSnapshot, error) { return f.machine.snapshot(), f.machine.err() }

// captured is the state as of a snapshot.
type captured struct {
	state   State
	applied uint64
}

// Persist implements raft.FSMSnapshot. The store of the snapshots adds the
// history when the snapshot goes to another replica.
func (c captured) Persist(sink raft.SnapshotSink) error {
	if err := raftsnap.WriteHead(sink, encodeHead(c.state, c.applied)); err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	return nil
}

// Release implements raft.FSMSnapshot.
func (c captured) Release() {}

// Head gives the head of a snapshot of the state as it is now.
func (m *Machine) Head() []byte {
	c := m.snapshot()
	return encodeHead(c.state, c.applied)
}

// Resume makes a machine that has applied what a head says. It gives the index of
// the last entry that the head knows of.
func Resume(head []byte) (m *Machine, applied uint64, err error) {
	s, applied, err := decodeHead(head)
	if err != nil {
		return nil, 0, err
	}
	return NewMachine(s, applied), applied, nil
}
