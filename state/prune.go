package state

import "github.com/lockstep-exec/lockstep/protocol"

// prune forgets the versions that are checkpointed, up to the first that an
// open view may still need. The caller holds flushing.
//
// A view was registered with the checkpointed height of that moment as its
// pin, and began its read transaction afterwards. So its snapshot is at the pin
// or above, and what it needs from memory lies above its snapshot. Hence no
// view needs anything at or below the lowest pin; and a view that comes later
// has the checkpoint, or a later one, as its pin.
func (s *Store) prune() {
	if n := s.cutPruned(); n > 0 {
		s.table.popOldest(n)
	}
}

// cutPruned takes off the layers to forget, and gives their number. From its
// end on, nobody relies on what the table has of them.
func (s *Store) cutPruned() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed { // views are being closed under those who use them
		return 0
	}
	limit := s.lowestPinLocked()
	gone := s.layers[:limit-s.pruned]
	s.pinnedBytes -= bytesOf(gone)
	s.layers = append([]*layer(nil), s.layers[len(gone):]...)
	s.pruned = limit
	return len(gone)
}

// lowestPinLocked is the height up to which nobody needs versions in memory.
func (s *Store) lowestPinLocked() protocol.Height {
	limit := s.checkpoint.Height()
	for v := range s.views {
		limit = min(limit, v.pin)
	}
	return limit
}

// release prunes what views held when the last checkpoint was written.
func (s *Store) release() {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.prune()
}

// pending gives the layers that are committed and not checkpointed, without
// those that were merged into a later one.
func (s *Store) pending() (layers []*layer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := s.checkpoint.Height() + 1; h <= s.committed.Height(); h++ {
		if !s.mergedLocked(h) {
			layers = append(layers, s.layerLocked(h))
		}
	}
	return layers
}
