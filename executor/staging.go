package executor

import (
	"errors"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/state"
)

// staging adapts the store for the runner.
type staging struct {
	*state.Store
	damaged func(error) // told when a read finds damage
}

func (s staging) Read(asOf protocol.Height, keys [][]byte) ([]Value, error) {
	view, err := s.View(asOf)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	values := make([]Value, len(keys))
	err = readKeys(view, keys, values)
	tellDamage(err, s.damaged)
	return values, err
}

// tellDamage passes on that the database does not hold what was written to it.
func tellDamage(err error, damaged func(error)) {
	if errors.Is(err, state.ErrDamaged) {
		damaged(err)
	}
}

func readKeys(view *state.View, keys [][]byte, values []Value) error {
	for i, key := range keys {
		b, ok, err := view.Get(key)
		if err != nil {
			return err
		}
		values[i] = Value{Bytes: b, Present: ok}
	}
	return nil
}

func (s staging) Backlog() int64 { return s.PendingBytes() }
