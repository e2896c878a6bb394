package executor

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
	"github.com/lockstep-exec/lockstep/state"
)

// readers lets clients read committed state, and wait for a height.
type readers struct {
	store   *state.Store
	damaged func(error) // told when a read finds damage

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every commit
}

func newReaders(s *state.Store, damaged func(error)) *readers {
	return &readers{store: s, damaged: damaged, changed: make(chan struct{})}
}

// Commit implements Committer.
func (r *readers) Commit(c protocol.Committed) error {
	if err := r.store.Commit(c); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
	return nil
}

// await waits until a height is committed here.
func (r *readers) await(ctx context.Context, h protocol.Height) error {
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if r.store.CommittedHeight() >= h {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("height %d is not committed on this shard, which is at %d: %w", h, r.store.CommittedHeight(), state.ErrNotCommitted)
		}
	}
}

// get reads keys as of one committed height; 0 means the newest.
func (r *readers) get(keys [][]byte, at protocol.Height) (protocol.Height, []Value, error) {
	if at > 0 {
		values, err := r.read(keys, at)
		return at, values, err
	}
	for {
		at = r.store.CommittedHeight()
		values, err := r.read(keys, at)
		if !errors.Is(err, state.ErrPruned) {
			return at, values, err
		} // checkpointed past it meanwhile
	}
}

func (r *readers) read(keys [][]byte, at protocol.Height) ([]Value, error) {
	view, err := r.store.ViewCommitted(at)
	if err != nil {
		return nil, err
	}
	return readAndClose(view, keys, wire.MostAnswerBytes, r.damaged)
}
