package state

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/lockstep-exec/lockstep/protocol"
)

// View is the state as of one height, for ever the same whatever is staged,
// committed or checkpointed meanwhile. It must be closed, and soon: an open
// view keeps pages of the database and versions in memory from being reused
// (Stats.OpenViews shows them).
//
// All methods are safe for concurrent use, so one view serves all goroutines
// that execute a block.
type View struct {
	store    *Store
	asOf     protocol.Height
	pin      protocol.Height // checkpointed height at the registration; no version above it is pruned while the view is open
	base     protocol.Height // what is not above this comes from the snapshot
	dropped  atomic.Bool     // a height <= asOf was dropped
	mu       sync.RWMutex    // Get holds it while it reads the snapshot, Close to end it
	snapshot *snapshot       // nil once closed
}

// View opens the state as of a height between the checkpoint (ErrPruned below,
// and for heights that Restore merged) and the highest staged height
// (ErrNotStaged above). It is for execution: if
// a staged height that it covers is dropped, its Get fails with ErrDropped.
func (s *Store) View(asOf protocol.Height) (*View, error) {
	return s.openView(asOf, func() error {
		if top := s.stagedLocked(); asOf > top {
			return heightError("view", asOf, top, ErrNotStaged)
		}
		return nil
	})
}

// ViewCommitted is View for clients: it refuses heights above the committed
// one (ErrNotCommitted), so that nobody reads what may still be aborted.
func (s *Store) ViewCommitted(asOf protocol.Height) (*View, error) {
	return s.openView(asOf, func() error {
		if asOf > s.committed.Height() {
			return heightError("view", asOf, s.committed.Height(), ErrNotCommitted)
		}
		return nil
	})
}

// openView registers the view before it begins the read transaction: from the
// registration on nothing above the pin is pruned, and the transaction can
// only be at the pin or later. So every version between the height of the
// transaction and asOf stays in memory for as long as the view is open.
func (s *Store) openView(asOf protocol.Height, allowed func() error) (*View, error) {
	v := &View{store: s, asOf: asOf}
	if err := s.register(v, allowed); err != nil {
		return nil, err
	}
	if err := v.begin(); err != nil {
		return nil, err
	}
	return v, nil
}

// begin begins the read transaction of a registered view. If it fails, the
// view is not registered any more.
func (v *View) begin() error {
	snapshot, err := openSnapshot(v.store.db)
	if err != nil {
		v.store.unregister(v)
		return fmt.Errorf("open view: %w", err)
	}
	v.attach(snapshot)
	if v.asOf < v.base { // checkpointed past it since the registration
		v.Close()
		return heightError("view", v.asOf, v.base, ErrPruned)
	}
	if v.store.isClosed() { // Close may have passed the view by before it was attached
		v.Close()
		return fmt.Errorf("open view: %w", ErrClosed)
	}
	return nil
}

func (v *View) attach(snapshot *snapshot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.snapshot, v.base = snapshot, snapshot.height
}

func (s *Store) register(v *View, allowed func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if err := allowed(); err != nil {
		return err
	}
	checkpointed := s.checkpoint.Height()
	if v.asOf < checkpointed || v.asOf > s.pruned && s.mergedLocked(v.asOf) {
		return heightError("view", v.asOf, checkpointed, ErrPruned)
	}
	v.pin = checkpointed
	s.views[v] = struct{}{}
	return nil
}

// unregister forgets the view and, if it was in the way of pruning, wakes the
// checkpointer to go on with it.
func (s *Store) unregister(v *View) {
	s.mu.Lock()
	delete(s.views, v)
	held := v.pin < s.checkpoint.Height()
	s.mu.Unlock()
	if held {
		s.notify()
	}
}

// AsOf is the height of the view.
func (v *View) AsOf() protocol.Height { return v.asOf }

// Get reads one key. The value must not be changed; it stays valid after
// Close. A key that is absent gives ok = false and no error; a pair with an
// empty value gives an empty slice and ok = true.
//
// Errors: *DamageError if what the database holds does not match its checksum,
// ErrDropped, ErrPoisoned, ErrClosed. After any of them nothing that was read
// through the view may be used.
func (v *View) Get(key []byte) (value []byte, ok bool, err error) {
	value, ok, err = v.get(key)
	// Looked at after the read: Drop sets the mark before it takes versions
	// away, and a flush poisons before anybody can rely on what it did. So a
	// read that came too late sees the mark.
	switch poison := v.store.poison(); {
	case poison != nil:
		err = poison
	case err == nil && v.dropped.Load():
		err = fmt.Errorf("read as of height %d: %w", v.asOf, ErrDropped)
	}
	if err != nil {
		return nil, false, err
	}
	return value, ok, nil
}

func (v *View) get(key []byte) ([]byte, bool, error) {
	if found, ok := v.store.table.get(key, v.base, v.asOf); ok {
		return found.get()
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.snapshot == nil {
		return nil, false, fmt.Errorf("read from view: %w", ErrClosed)
	}
	return v.snapshot.get(key)
}

// Close lets go of what the view holds on to, after waiting for reads under
// way. Reads that come later fail with ErrClosed, if they need the database.
// Closing again does nothing.
func (v *View) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.snapshot == nil {
		return
	}
	v.snapshot.close()
	v.snapshot = nil
	v.store.unregister(v)
}
