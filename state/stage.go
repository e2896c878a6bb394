package state

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Stage adds the writes of a prepared block, in memory, visible to View but
// not to ViewCommitted. The height must be the one above the highest staged or
// committed height (ErrOrder). The writes must ascend strictly by key, and
// keys must be between 1 and 32,768 bytes long (ErrWrites). They are copied.
func (s *Store) Stage(height protocol.Height, writes []protocol.WriteOp) error {
	l, err := newLayer(height, writes)
	if err != nil {
		return fmt.Errorf("stage height %d: %w", height, err)
	}
	s.staging.Lock()
	defer s.staging.Unlock()
	if err := s.nextHeight(height); err != nil {
		return err
	}
	s.table.push(l) // nobody can see it: no view reaches above stagedLocked
	s.mu.Lock()
	defer s.mu.Unlock()
	s.layers = append(s.layers, l)
	s.stagedBytes += l.bytes
	return nil
}

func (s *Store) nextHeight(height protocol.Height) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if top := s.stagedLocked(); height != top+1 {
		return heightError("stage", height, top, ErrOrder)
	}
	return nil
}

// Drop forgets the staged heights from the given one up. Committed heights
// are not touched, whatever is asked. Open views that cover a dropped height
// fail from now on (ErrDropped).
func (s *Store) Drop(from protocol.Height) {
	s.staging.Lock()
	defer s.staging.Unlock()
	dropped := s.cutLayers(from)
	for i := len(dropped) - 1; i >= 0; i-- {
		s.table.popNewest(dropped[i])
	}
}

// cutLayers takes the layers to drop off, and marks the views that cover them.
func (s *Store) cutLayers(from protocol.Height) []*layer {
	s.mu.Lock()
	defer s.mu.Unlock()
	from = max(from, s.committed.Height()+1)
	if from > s.stagedLocked() {
		return nil
	}
	for v := range s.views {
		if v.asOf >= from {
			v.dropped.Store(true)
		}
	}
	kept := s.layers[:from-s.pruned-1]
	dropped := append([]*layer(nil), s.layers[len(kept):]...)
	clear(s.layers[len(kept):])
	s.layers = kept
	s.stagedBytes -= bytesOf(dropped)
	return dropped
}

// Commit makes the staged height above the committed one visible to clients
// and queues it for the next checkpoint. The height of c must be that one, and
// staged (ErrOrder).
func (s *Store) Commit(c protocol.Committed) error {
	if err := s.commit(c); err != nil {
		return err
	}
	s.notify()
	return nil
}

func (s *Store) commit(c protocol.Committed) error {
	now := s.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if h := c.Height(); h != s.committed.Height()+1 || h > s.stagedLocked() {
		return heightError("commit", h, s.committed.Height(), ErrOrder)
	}
	l := s.layerLocked(c.Height())
	l.committed, l.committedAt = c, now
	s.committed = c
	s.stagedBytes -= l.bytes
	s.pendingBytes += l.bytes
	return nil
}
