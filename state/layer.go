package state

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// writeOverhead is what a write is reckoned to cost in memory beside the bytes
// of its key and value: 24 bytes in its layer, and 21 to 64 in the table,
// if it is the first version of its key.
const writeOverhead = 64

// layer is what one height changed, copied into two blocks of memory without
// pointers: a checkpoint's worth of layers costs the garbage collector nothing,
// and keeps nothing else alive. Except for committed and committedAt, which the
// Store's lock guards and Commit sets once, it never changes after table.push.
type layer struct {
	height      protocol.Height
	writes      []layerWrite // ascending by key, no key twice
	data        []byte       // key, value, key, value …
	bytes       int64        // memory that the layer is reckoned to hold
	committed   protocol.Committed
	committedAt time.Time
}

// layerWrite is one write of a layer.
type layerWrite struct {
	hash     uint64 // of the key
	before   place  // the newest version under the same hash until this one came, or nowhere
	at       uint32 // its key starts at data[at], the value follows, up to the next write
	keyBytes uint16
	deleted  bool
}

// newLayer checks the writes and copies them.
func newLayer(height protocol.Height, writes []protocol.WriteOp) (*layer, error) {
	return buildLayer(height, len(writes), func(i int) protocol.WriteOp { return writes[i] })
}

// buildLayer is newLayer for n writes from anywhere; each is asked for twice.
func buildLayer(height protocol.Height, n int, at func(int) protocol.WriteOp) (*layer, error) {
	size, before := 0, []byte(nil)
	for i := range n {
		w := at(i)
		if len(w.Key) == 0 || len(w.Key) > bbolt.MaxKeySize {
			return nil, fmt.Errorf("write %d: key of %d bytes: %w", i, len(w.Key), ErrWrites)
		}
		if i > 0 && bytes.Compare(before, w.Key) >= 0 {
			return nil, fmt.Errorf("write %d: key %q out of order: %w", i, w.Key, ErrWrites)
		}
		before = w.Key
		size += len(w.Key) + len(w.Value)
	}
	if size >= math.MaxUint32 {
		return nil, fmt.Errorf("%d bytes of writes: %w", size, ErrWrites)
	}
	l := &layer{
		height: height, writes: make([]layerWrite, n), data: make([]byte, 0, size),
		bytes: int64(size) + int64(n)*writeOverhead,
	}
	for i := range n {
		w := at(i)
		l.writes[i] = layerWrite{at: uint32(len(l.data)), keyBytes: uint16(len(w.Key)), deleted: w.Delete} //nolint:G115 // a key that its transaction declared, decoded with two bytes of length
		l.data = append(append(l.data, w.Key...), w.Value...)
	}
	return l, nil
}

// Len and Key make a layer a writeSet.
func (l *layer) Len() int         { return len(l.writes) }
func (l *layer) Key(i int) []byte { return l.key(i) }

func (l *layer) key(i int) []byte {
	from := l.writes[i].at
	to := from + uint32(l.writes[i].keyBytes)
	return l.data[from:to:to]
}

func (l *layer) value(i int) []byte {
	from, to := l.writes[i].at+uint32(l.writes[i].keyBytes), uint32(len(l.data))
	if i+1 < len(l.writes) {
		to = l.writes[i+1].at
	}
	return l.data[from:to:to]
}

// write gives a write as it was staged, but for an absent value, which is
// empty. It aliases the layer.
func (l *layer) write(i int) protocol.WriteOp {
	return protocol.WriteOp{Key: l.key(i), Value: l.value(i), Delete: l.writes[i].deleted}
}

func bytesOf(layers []*layer) (n int64) {
	for _, l := range layers {
		n += l.bytes
	}
	return n
}
