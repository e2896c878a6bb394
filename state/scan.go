package state

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Scan calls fn with every pair of the committed state, ascending by key: the
// database merged with the committed heights in memory. Key and value are
// valid until fn returns. The first error ends the scan; a damaged pair is a
// *DamageError. Scan gives the height that it showed.
//
// The whole scan is one view, of the height committed when it began. As for
// every view, pages and versions are not reused meanwhile, so on a large live
// database the file grows by what is written during the scan. fn must not open
// a view of the same store (see Options.MapBytes).
func (s *Store) Scan(fn func(key, value []byte) error) (protocol.Committed, error) {
	v, at, err := s.viewNewest()
	if err != nil {
		return protocol.Committed{}, fmt.Errorf("scan: %w", err)
	}
	defer v.Close()
	o := overlayScan{rest: newestWrites(s.layersBetween(v.base, v.asOf))}
	o.fn = func(key, value []byte) error {
		if err := s.poison(); err != nil {
			return err
		}
		return fn(key, value)
	}
	if err := v.scan(&o); err != nil {
		return protocol.Committed{}, fmt.Errorf("scan as of height %d: %w", v.asOf, err)
	}
	return at, s.poison()
}

// viewNewest opens a view of the committed height of this moment.
func (s *Store) viewNewest() (*View, protocol.Committed, error) {
	for {
		at := s.Committed()
		v, err := s.ViewCommitted(at.Height())
		if errors.Is(err, ErrPruned) { // committed and checkpointed past it just now
			continue
		}
		return v, at, err
	}
}

// layersBetween gives the layers with above < height <= upTo, which an open
// view keeps.
func (s *Store) layersBetween(above, upTo protocol.Height) []*layer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*layer(nil), s.layers[above-s.pruned:upTo-s.pruned]...)
}

func (v *View) scan(o *overlayScan) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.snapshot == nil {
		return ErrClosed
	}
	if err := v.snapshot.each(o.pair); err != nil {
		return err
	}
	return o.end()
}

// overlayScan merges writes, ascending by key, into the pairs below them.
type overlayScan struct {
	rest []protocol.WriteOp // what is not emitted yet
	fn   func(key, value []byte) error
}

// pair takes the next pair of the database.
func (o *overlayScan) pair(key, value []byte, damage error) error {
	for len(o.rest) > 0 {
		order := bytes.Compare(o.rest[0].Key, key)
		if order > 0 {
			break
		}
		if err := o.emit(); err != nil || order == 0 { // an equal key hides the pair
			return err
		}
	}
	if damage != nil {
		return damage
	}
	return o.fn(key, value)
}

// end emits what lies above the last pair.
func (o *overlayScan) end() error {
	for len(o.rest) > 0 {
		if err := o.emit(); err != nil {
			return err
		}
	}
	return nil
}

func (o *overlayScan) emit() error {
	w := o.rest[0]
	o.rest = o.rest[1:]
	if w.Delete {
		return nil
	}
	return o.fn(w.Key, w.Value)
}
