package state

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Store is the state of one shard: a database at the checkpointed height, and
// above it, in memory, the writes of committed and staged heights.
//
// All methods are safe for concurrent use. What has an order (Stage, Drop,
// Commit) is for one goroutine to call, the owner of the protocol's state
// machine; views come from everywhere; Flush is the Checkpointer's.
type Store struct {
	db       *database
	clock    Clock
	table    *table
	changed  chan struct{} // capacity 1: the Checkpointer has something to look at
	readOnly bool
	poisoned atomic.Pointer[error]

	// staging is held by whoever changes the top of the table, for as long as
	// it takes. flushing likewise for the database and the bottom of the
	// table. Lock order: staging or flushing, then mu.
	staging  sync.Mutex
	flushing sync.Mutex

	// mu is held for moments only, never while the disk or the table is used.
	//
	// Invariant: pruned <= checkpoint <= committed <= pruned + len(layers).
	mu         sync.Mutex
	closed     bool
	pruned     protocol.Height // versions at or below are gone from the table
	checkpoint Checkpoint      // as last durably written
	committed  protocol.Committed
	layers     []*layer // heights pruned+1, pruned+2, …, up to the highest staged
	views      map[*View]struct{}

	// The reckoned memory of the layers: above the committed height, up to it,
	// and at or below the checkpoint.
	stagedBytes, pendingBytes, pinnedBytes int64

	checkpointBytes int64 // written since the store was opened
	lastCheckpoint  time.Time
}

// Open opens the database in dir and forces what it reads. Errors: ErrNotExist,
// ErrLocked, ErrFormat, or a *DamageError.
func Open(dir string, opts Options) (*Store, error) {
	db, err := openDatabase(dir, opts)
	if err != nil {
		return nil, err
	}
	cp, err := readCheckpoint(db)
	if err != nil {
		return nil, closeAfter(fmt.Errorf("open %s: %w", db.file.Name(), err), db)
	}
	if !opts.ReadOnly {
		if err := removeTemporary(dir); err != nil {
			return nil, closeAfter(fmt.Errorf("remove unfinished databases: %w", err), db)
		}
	}
	return newStore(db, cp, opts), nil
}

func newStore(db *database, cp Checkpoint, opts Options) *Store {
	return &Store{
		db:         db,
		clock:      opts.clock(),
		readOnly:   opts.ReadOnly,
		table:      newTable(),
		changed:    make(chan struct{}, 1),
		pruned:     cp.Height(),
		checkpoint: cp,
		committed:  cp.Committed,
		views:      make(map[*View]struct{}),
	}
}

// Checkpoint gives the checkpoint as last durably written.
func (s *Store) Checkpoint() Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checkpoint
}

// Committed gives the height, attempt and digests of the committed height.
func (s *Store) Committed() protocol.Committed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.committed
}

// CommittedHeight is the committed height.
func (s *Store) CommittedHeight() protocol.Height { return s.Committed().Height() }

// StagedHeight is the highest staged height, or the committed height if
// nothing is staged.
func (s *Store) StagedHeight() protocol.Height {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stagedLocked()
}

func (s *Store) stagedLocked() protocol.Height {
	return s.pruned + protocol.Height(len(s.layers))
}

// layerLocked gives the layer of a height above pruned.
func (s *Store) layerLocked(h protocol.Height) *layer { return s.layers[h-s.pruned-1] }

// mergedLocked reports whether a committed height above pruned was restored merged
// into a later one: the state as of it is not known.
func (s *Store) mergedLocked(h protocol.Height) bool {
	return h <= s.committed.Height() && s.layerLocked(h).committed.Height() == 0
}

// notify wakes the Checkpointer; it never blocks.
func (s *Store) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// usable says why the store cannot be used, if it cannot.
func (s *Store) usable() error {
	if s.closed {
		return fmt.Errorf("use state: %w", ErrClosed)
	}
	return s.poison()
}

// poison gives the error that every call gives since a flush failed, or nil.
func (s *Store) poison() error {
	if p := s.poisoned.Load(); p != nil {
		return *p
	}
	return nil
}

// Close closes all views and the database, after a flush under way. What is not
// checkpointed is left to the log. The Checkpointer should have ended before, or
// it takes the end for a failure. Closing again does nothing.
func (s *Store) Close() error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	open, ok := s.shut()
	if !ok {
		return nil
	}
	for _, v := range open {
		v.Close()
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close state database: %w", err)
	}
	return nil
}

// shut marks the store closed and gives the views that are open.
func (s *Store) shut() (open []*View, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false
	}
	s.closed = true
	for v := range s.views {
		open = append(open, v)
	}
	return open, true
}

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}
