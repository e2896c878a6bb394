package state

import (
	"bytes"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// writeOverhead is what a write is reckoned to cost in memory beside the bytes
// of its key and value. Measured: 170 bytes for the first version of a key in
// the table, 100 for each further one.
const writeOverhead = 160

// layer is what one height changed. Except for committed and committedAt,
// which the Store's lock guards and Commit sets once, it never changes.
type layer struct {
	height      protocol.Height
	writes      []protocol.WriteOp // ascending by key, no key twice
	bytes       int64              // memory that the layer is reckoned to hold
	committed   protocol.Committed
	committedAt time.Time
}

// newLayer checks the writes and retains them.
func newLayer(height protocol.Height, writes []protocol.WriteOp) (*layer, error) {
	l := &layer{height: height, writes: writes}
	for i, w := range writes {
		if len(w.Key) == 0 || len(w.Key) > bbolt.MaxKeySize {
			return nil, fmt.Errorf("write %d: key of %d bytes: %w", i, len(w.Key), ErrWrites)
		}
		if i > 0 && bytes.Compare(writes[i-1].Key, w.Key) >= 0 {
			return nil, fmt.Errorf("write %d: key %q out of order: %w", i, w.Key, ErrWrites)
		}
		l.bytes += int64(len(w.Key)+len(w.Value)) + writeOverhead
	}
	return l, nil
}

func bytesOf(layers []*layer) (n int64) {
	for _, l := range layers {
		n += l.bytes
	}
	return n
}

// newestWrites merges layers, ascending by height, into the newest write of
// every key, ascending by key. The result aliases the layers.
func newestWrites(layers []*layer) []protocol.WriteOp {
	switch len(layers) {
	case 0:
		return nil
	case 1:
		return layers[0].writes
	}
	half := len(layers) / 2
	return mergeWrites(newestWrites(layers[:half]), newestWrites(layers[half:]))
}

// mergeWrites merges two ascending runs; where both write a key, newer wins.
func mergeWrites(older, newer []protocol.WriteOp) []protocol.WriteOp {
	merged := make([]protocol.WriteOp, 0, len(older)+len(newer))
	for len(older) > 0 && len(newer) > 0 {
		order := bytes.Compare(older[0].Key, newer[0].Key)
		if order < 0 {
			merged = append(merged, older[0])
			older = older[1:]
			continue
		}
		if order == 0 {
			older = older[1:]
		}
		merged = append(merged, newer[0])
		newer = newer[1:]
	}
	return append(append(merged, older...), newer...)
}
