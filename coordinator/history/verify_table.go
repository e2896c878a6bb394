package history

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// verifyBatch is how many entries are looked at in one transaction.
const verifyBatch = 1024

// table is a table that is looked through entry by entry.
type table struct {
	name   string
	bucket func(buckets) *bbolt.Bucket
	// check looks at one entry of a history that ends at a height.
	check func(b buckets, end protocol.Height, key, stored []byte) error
}

var (
	heightsTable = table{
		name:   "table of decisions",
		bucket: func(b buckets) *bbolt.Bucket { return b.heights },
		check:  checkHeightEntry,
	}
	keysTable = table{
		name:   "key index",
		bucket: func(b buckets) *bbolt.Bucket { return b.keys },
		check:  checkKeyEntry,
	}
)

// checkHeightEntry looks at the key only: the chain has the values.
func checkHeightEntry(_ buckets, end protocol.Height, key, _ []byte) error {
	if height, ok := decodeHeight(key); !ok || height == 0 || height > end {
		return damaged("table of decisions: entry %x does not belong into a history of height %d", key, end)
	}
	return nil
}

// checkKeyEntry checks that an entry leads to the decision for its key.
func checkKeyEntry(b buckets, end protocol.Height, key, stored []byte) error {
	height, err := decodeIndex(key, stored)
	if err != nil {
		return err
	}
	if height == 0 || height > end {
		return damagedKey(key, "key index leads to height %d, in a history of height %d", height, end)
	}
	d, err := b.decision(height)
	if err != nil {
		return nil // the chain has reported it
	}
	if d.Key != string(key) {
		return &DamageError{Height: height, Key: string(key), What: fmt.Sprintf("key index leads to the decision for block key %q", d.Key)}
	}
	return nil
}

// verifyTable checks every entry of a table. It ends with a finding that says
// so at a page that cannot be read, and where keys are out of order.
func (h *History) verifyTable(fn func(*DamageError), t table) error {
	walk := tableWalk{table: t, end: h.Height()}
	for !walk.done {
		walk.findings = nil
		err := h.view(t.name+": what follows was not looked at", walk.batch)
		for _, finding := range walk.findings {
			if err := reported(finding, fn); err != nil {
				return err
			}
		}
		if err != nil {
			return reported(err, fn)
		}
	}
	return nil
}

// tableWalk is the way through a table.
type tableWalk struct {
	table
	end      protocol.Height
	last     []byte // key that was looked at last; nil at the start
	done     bool
	findings []error // of the last batch
}

// batch goes on behind the last key.
func (w *tableWalk) batch(b buckets) error {
	c := w.bucket(b).Cursor()
	key, stored := c.Seek(w.last)
	if w.last != nil && bytes.Equal(key, w.last) {
		key, stored = c.Next()
	}
	for range verifyBatch {
		if key == nil {
			w.done = true
			return nil
		}
		if w.last != nil && bytes.Compare(key, w.last) <= 0 {
			return damaged("%s: out of order behind entry %x; what follows was not looked at", w.name, w.last)
		}
		if err := w.check(b, w.end, key, stored); err != nil {
			w.findings = append(w.findings, err)
		}
		w.last = bytes.Clone(key)
		key, stored = c.Next()
	}
	return nil
}
