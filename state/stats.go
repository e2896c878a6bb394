package state

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Stats is a moment of the store, for backpressure and metrics. Bytes of memory
// are what the writes are reckoned to hold, overhead included.
type Stats struct {
	Checkpointed protocol.Height // highest height in the database
	Committed    protocol.Height
	Staged       protocol.Height // highest staged height

	StagedBytes  int64 // memory: staged, not committed
	PendingBytes int64 // memory: committed, not checkpointed
	PinnedBytes  int64 // memory: checkpointed, kept for open views

	OldestPending time.Time // when the lowest height that is not checkpointed was committed; zero if there is none

	Fsyncs          int64     // how often the file was forced since it was opened
	CheckpointBytes int64     // memory that checkpoints have written since it was opened
	LastCheckpoint  time.Time // when the last one ended; zero if none did since it was opened

	OpenViews int
	LowestPin protocol.Height // nothing above it is forgotten, because of open views; Checkpointed if none holds back
}

// Stats gives the figures of this moment. Its cost grows with the number of
// open views only.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := Stats{
		Checkpointed: s.checkpoint.Height(),
		Committed:    s.committed.Height(),
		Staged:       s.stagedLocked(),
		StagedBytes:  s.stagedBytes,
		PendingBytes: s.pendingBytes,
		PinnedBytes:  s.pinnedBytes,
		Fsyncs:       s.db.fsyncs.Load(),
		OpenViews:    len(s.views),
		LowestPin:    s.lowestPinLocked(),

		CheckpointBytes: s.checkpointBytes,
		LastCheckpoint:  s.lastCheckpoint,
	}
	if next := s.checkpoint.Height() + 1; next <= s.committed.Height() {
		stats.OldestPending = s.layerLocked(next).committedAt
	}
	return stats
}

// PendingBytes is the memory held by committed heights that are not
// checkpointed: the figure for backpressure.
func (s *Store) PendingBytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pendingBytes
}

// PendingHeights is the number of committed heights that are not checkpointed.
func (s *Store) PendingHeights() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.committed.Height() - s.checkpoint.Height()) //nolint:G115 // so many layers are in memory
}
