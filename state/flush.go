package state

import (
	"context"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Flush writes a checkpoint at height upTo: the newest value of every key
// written since the last checkpoint, and the record that describes it, in one
// transaction. The caller must have forced the log as far as pos says (rule
// S7). It takes from milliseconds to seconds; views, Stage and Commit go on
// meanwhile. If upTo is the checkpointed height, only the record is written.
//
// Errors that leave everything as it was: ctx ended before the start,
// ErrNotCommitted or ErrOrder for a height above the committed one or below
// the checkpoint, a configuration or an epoch that goes back (ErrOrder),
// ErrNoSpace, ErrReadOnly. After any other error the outcome is unknown, and
// the store is poisoned: every later call fails with ErrPoisoned, and recovery
// is to open the database anew.
func (s *Store) Flush(ctx context.Context, upTo protocol.Height, pos LogPosition, cfg protocol.Config, epoch protocol.Epoch) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	if err := s.flush(ctx, upTo, pos, cfg, epoch); err != nil {
		return fmt.Errorf("checkpoint height %d: %w", upTo, err)
	}
	s.prune()
	return nil
}

func (s *Store) flush(ctx context.Context, upTo protocol.Height, pos LogPosition, cfg protocol.Config, epoch protocol.Epoch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	next, layers, err := s.planFlush(upTo)
	if err != nil {
		return err
	}
	if err := checkSuccession(next, cfg, epoch); err != nil {
		return err
	}
	next.Log, next.Config, next.Epoch = pos, cfg, epoch
	writes := newestWrites(layers)
	if err := s.db.checkSpace(writes); err != nil {
		return err
	}
	if err := s.db.write(writes, next); err != nil {
		return s.setPoison(err)
	}
	s.advance(next, bytesOf(layers))
	return nil
}

// advance records a checkpoint that is durable.
func (s *Store) advance(next Checkpoint, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkpoint = next
	s.pendingBytes -= bytes
	s.pinnedBytes += bytes
	s.checkpointBytes += bytes
	s.lastCheckpoint = s.clock.Now()
}

// planFlush gives the last checkpoint moved up to the height, and the layers
// between the two.
func (s *Store) planFlush(upTo protocol.Height) (Checkpoint, []*layer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return Checkpoint{}, nil, err
	}
	if s.readOnly {
		return Checkpoint{}, nil, ErrReadOnly
	}
	next := s.checkpoint
	if upTo < next.Height() {
		return Checkpoint{}, nil, fmt.Errorf("checkpointed height is %d: %w", next.Height(), ErrOrder)
	}
	if upTo > s.committed.Height() {
		return Checkpoint{}, nil, fmt.Errorf("committed height is %d: %w", s.committed.Height(), ErrNotCommitted)
	}
	if upTo == next.Height() {
		return next, nil, nil
	}
	if s.mergedLocked(upTo) {
		return Checkpoint{}, nil, fmt.Errorf("it was restored merged into a later height: %w", ErrOrder)
	}
	layers := append([]*layer(nil), s.layers[next.Height()-s.pruned:upTo-s.pruned]...)
	next.Committed = s.layerLocked(upTo).committed
	return next, layers, nil
}

// checkSuccession refuses a checkpoint that would forget what must never be
// forgotten.
func checkSuccession(last Checkpoint, cfg protocol.Config, epoch protocol.Epoch) error {
	if epoch < last.Epoch {
		return fmt.Errorf("epoch %d after %d: %w", epoch, last.Epoch, ErrOrder)
	}
	if !last.Config.IsZero() && !last.Config.Equal(cfg) {
		return fmt.Errorf("configuration of cluster %v after that of %v: %w", cfg.Cluster, last.Config.Cluster, ErrOrder)
	}
	return nil
}

// setPoison makes every later call fail, and gives the error that they give.
func (s *Store) setPoison(cause error) error {
	err := fmt.Errorf("%w: %w", ErrPoisoned, cause)
	s.poisoned.CompareAndSwap(nil, &err)
	return err
}
