package replica

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// enqueueTimeout bounds the wait until raft takes an entry.
	enqueueTimeout = 10 * time.Second
	// verifyTimeout bounds Confirm: a leader that cannot reach a majority for so
	// long has stepped down, or is about to.
	verifyTimeout = 5 * time.Second
)

// proposals is the Group of a replica.
type proposals struct{ *Replica }

// Propose implements Group.
func (p proposals) Propose(entry []byte) (wait func() error) {
	f := p.raft.Apply(entry, enqueueTimeout)
	return func() error {
		if err := p.await(f); err != nil {
			return leadershipError(err)
		}
		if refused, ok := f.Response().(error); ok {
			return refused
		}
		return nil
	}
}

// await waits for a future, unless the disk hangs: then raft may never answer for
// it, and the process is about to end.
func (p proposals) await(f raft.Future) error {
	settled := make(chan error, 1)
	go func() { settled <- f.Error() }()
	select {
	case err := <-settled:
		return err
	case <-p.hung:
		return p.Err()
	}
}

// leadershipError tells failures of leadership, after which another incarnation
// may own the log, from failures of the disk.
func leadershipError(err error) error {
	for _, lost := range []error{
		raft.ErrNotLeader, raft.ErrLeadershipLost, raft.ErrLeadershipTransferInProgress,
		raft.ErrEnqueueTimeout, raft.ErrRaftShutdown, raft.ErrAbortedByRestore,
	} {
		if errors.Is(err, lost) {
			return fmt.Errorf("%w: %w", ErrFenced, err)
		}
	}
	return err
}

// Mark implements Group.
func (p proposals) Mark() Mark {
	s, _ := p.machine.State()
	return s.Mark
}

// Confirm implements Group: it asks a majority whether this replica still leads.
func (p proposals) Confirm() error {
	if owned := p.stores.Owned; owned != nil {
		if err := p.disk.noted(owned); err != nil {
			return err
		}
	}
	verified := make(chan error, 1)
	f := p.raft.VerifyLeader()
	go func() { verified <- f.Error() }()
	timer := time.NewTimer(verifyTimeout)
	defer timer.Stop()
	select {
	case err := <-verified:
		return err
	case <-timer.C:
		return fmt.Errorf("no majority answered within %v", verifyTimeout)
	case <-p.closing:
		return raft.ErrRaftShutdown
	}
}
