package state

import (
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// restoreBytes is about how much a Restorer merges at once: what it holds besides
// the newest write of each key is two or three times as much.
const restoreBytes = 64 << 20

// mergedBytes is about how much the merged writes of heights may be; more than
// that becomes another layer, so that offsets in a layer fit in 32 bits.
const mergedBytes = 1 << 30

// Restorer brings the heights back that the log has committed above the
// checkpoint. It merges them, all but the newest, into the newest write of each
// key: what a restart takes in memory is then bounded by the keys, however long
// the log is, and it takes no search for each write. Heights that were merged
// cannot be viewed one by one (ErrPruned), and are checkpointed together.
//
// Add and Finish are for one goroutine. Finish must be called, whatever happens.
type Restorer struct {
	store  *Store
	held   []restored // the newest heights, which stay heights of their own
	hold   int
	batch  []restored // to be merged
	bytes  int        // of the batch
	most   int        // bytes of a batch at which it is merged: restoreBytes
	work   chan []restored
	result chan []restored // of the merging, once work is closed
}

// restored is what was written up to a height: by it alone, or by those merged
// into it too.
type restored struct {
	committed protocol.Committed
	writes    protocol.EncodedWrites
}

// Restore begins to bring heights back; hold of them, the newest, stay heights
// of their own. Nothing must be staged, and nobody else may stage until Finish.
func (s *Store) Restore(hold int) *Restorer {
	r := &Restorer{store: s, hold: hold, most: restoreBytes, work: make(chan []restored, 1), result: make(chan []restored, 1)}
	go r.merge()
	return r
}

// Add takes the height above the one before, and its writes as they stand in a
// Prepared record; they are retained.
func (r *Restorer) Add(c protocol.Committed, encoded []byte) error {
	writes, err := protocol.IndexEncodedWrites(encoded)
	if err != nil {
		return fmt.Errorf("restore height %d: %w", c.Height(), err)
	}
	if r.held = append(r.held, restored{c, writes}); len(r.held) <= r.hold {
		return nil
	}
	r.batch, r.bytes = append(r.batch, r.held[0]), r.bytes+len(r.held[0].writes.Bytes())
	r.held = r.held[1:]
	if r.bytes >= r.most {
		r.work <- r.batch
		r.batch, r.bytes = nil, 0
	}
	return nil
}

// merge merges what comes until work is closed.
func (r *Restorer) merge() {
	var all []restored
	for batch := range r.work {
		if n := len(all); n > 0 && len(all[n-1].writes.Bytes()) < mergedBytes {
			batch, all = append(all[n-1:n:n], batch...), all[:n-1]
		}
		all = append(all, mergeRestored(batch))
	}
	r.result <- all
}

func mergeRestored(batch []restored) restored {
	sets := make([]protocol.EncodedWrites, len(batch))
	for i, r := range batch {
		sets[i] = r.writes
	}
	heads := newestHeads(sets)
	return restored{batch[len(batch)-1].committed, protocol.SelectWrites(len(heads), func(i int) (protocol.EncodedWrites, int) {
		return sets[heads[i].set], int(heads[i].at)
	})}
}

// Finish makes everything that was added the committed state. After an error,
// also one of Add, the store must be closed.
func (r *Restorer) Finish() error {
	if len(r.batch) > 0 {
		r.work <- r.batch
	}
	close(r.work)
	for _, h := range append(<-r.result, r.held...) {
		if err := r.store.restore(h); err != nil {
			return fmt.Errorf("restore height %d: %w", h.committed.Height(), err)
		}
	}
	return nil
}

// restore commits everything above the committed height up to the given one at
// once.
func (s *Store) restore(h restored) error {
	l, err := buildLayer(h.committed.Height(), h.writes.Len(), h.writes.At)
	if err != nil {
		return err
	}
	s.staging.Lock()
	defer s.staging.Unlock()
	between, err := s.emptyUpTo(l.height)
	if err != nil {
		return err
	}
	s.table.change(func(ls layers) layers { return append(ls[:len(ls):len(ls)], between...) })
	s.table.push(l)
	l.committed, l.committedAt = h.committed, s.clock.Now()
	for _, empty := range between {
		empty.committedAt = l.committedAt
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.layers = append(append(s.layers, between...), l)
	s.committed = l.committed
	s.pendingBytes += l.bytes
	return nil
}

// emptyUpTo gives layers without writes for the heights that are merged into h.
func (s *Store) emptyUpTo(h protocol.Height) (layers []*layer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, err
	}
	top := s.stagedLocked()
	if top != s.committed.Height() || h <= top {
		return nil, heightError("restore", h, top, ErrOrder)
	}
	for height := top + 1; height < h; height++ {
		layers = append(layers, &layer{height: height})
	}
	return layers, nil
}
