package executor

import (
	"errors"
	"math"

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
	return readAndClose(view, keys, math.MaxInt, s.damaged)
}

// readAndClose reads keys, whose values may have so many bytes in all, closes the view,
// and only then tells of damage: who is told may wait, and an open view holds up
// checkpoints.
func readAndClose(view *state.View, keys [][]byte, most int, damaged func(error)) ([]Value, error) {
	values := make([]Value, len(keys))
	err := readKeys(view, keys, most, values)
	view.Close()
	tellDamage(err, damaged)
	return values, err
}

// tellDamage passes on that the database does not hold what was written to it.
func tellDamage(err error, damaged func(error)) {
	if errors.Is(err, state.ErrDamaged) {
		damaged(err)
	}
}

func readKeys(view *state.View, keys [][]byte, most int, values []Value) error {
	for i, key := range keys {
		b, ok, err := view.Get(key)
		if err != nil {
			return err
		}
		if most -= len(b); most < 0 {
			return errTooMuch
		}
		values[i] = Value{Bytes: b, Present: ok}
	}
	return nil
}

// errTooMuch is that of a read whose values have too many bytes in all.
var errTooMuch = errors.New("the values have more bytes than one answer holds")

func (s staging) Backlog() int64 { return s.PendingBytes() }
