package history

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/lockstep-exec/lockstep/protocol"
)

var (
	metaName    = []byte("meta")
	heightsName = []byte("heights")
	keysName    = []byte("keys")

	tipKey = []byte("tip") // the only key of the meta bucket
)

// buckets are the three tables as one transaction sees them.
type buckets struct {
	meta    *bbolt.Bucket
	heights *bbolt.Bucket
	keys    *bbolt.Bucket
}

func bucketsOf(tx *bbolt.Tx) (buckets, error) {
	b := buckets{meta: tx.Bucket(metaName), heights: tx.Bucket(heightsName), keys: tx.Bucket(keysName)}
	if b.meta == nil || b.heights == nil || b.keys == nil {
		return buckets{}, damaged("a table is missing")
	}
	return b, nil
}

func createBuckets(tx *bbolt.Tx) (b buckets, err error) {
	if b.meta, err = tx.CreateBucket(metaName); err != nil {
		return buckets{}, fmt.Errorf("create table: %w", err)
	}
	if b.heights, err = tx.CreateBucket(heightsName); err != nil {
		return buckets{}, fmt.Errorf("create table: %w", err)
	}
	if b.keys, err = tx.CreateBucket(keysName); err != nil {
		return buckets{}, fmt.Errorf("create table: %w", err)
	}
	return b, nil
}

func (b buckets) putTip(t tip) error {
	return b.meta.Put(tipKey, seal(tipKey, encodeTip(t)))
}

// tip reads the meta record; the attempt of the tip stays zero.
func (b buckets) tip() (tip, error) {
	stored := b.meta.Get(tipKey)
	if stored == nil {
		return tip{}, damaged("there is no meta record")
	}
	value, why := unseal(tipKey, stored)
	if why != "" {
		return tip{}, damaged("meta record: %s", why)
	}
	return decodeTip(value)
}

// decision reads the decision for a height that the history has.
func (b buckets) decision(h protocol.Height) (*protocol.Decision, error) {
	stored := b.heights.Get(heightBytes(h))
	if stored == nil {
		return nil, damagedAt(h, "decision is missing")
	}
	return decodeDecision(h, stored)
}

// heightOf looks a block key up. That a key is absent is believed only if both
// its neighbours are sound: a key that was damaged in its place no longer
// matches, but is one of them.
func (b buckets) heightOf(key []byte) (h protocol.Height, found bool, err error) {
	c := b.keys.Cursor()
	at, stored := c.Seek(key)
	if at != nil && bytes.Equal(at, key) {
		h, err = decodeIndex(at, stored)
		return h, err == nil, err
	}
	if at != nil {
		if _, err := decodeIndex(at, stored); err != nil {
			return 0, false, err
		}
	}
	before, stored := previous(c, at == nil)
	if before != nil {
		if _, err := decodeIndex(before, stored); err != nil {
			return 0, false, err
		}
	}
	if (at != nil && bytes.Compare(at, key) < 0) || (before != nil && bytes.Compare(before, key) >= 0) {
		return 0, false, damagedKey(key, "key index is out of order")
	}
	return 0, false, nil
}

// previous gives the entry before the cursor, which may be behind the last.
func previous(c *bbolt.Cursor, behind bool) (key, stored []byte) {
	if behind {
		return c.Last()
	}
	return c.Prev()
}

// decodeIndex reads an entry of the key index.
func decodeIndex(key, stored []byte) (protocol.Height, error) {
	value, why := unseal(key, stored)
	if why != "" {
		return 0, damagedKey(key, "key index: %s", why)
	}
	h, ok := decodeHeight(value)
	if !ok {
		return 0, damagedKey(key, "key index: height of %d bytes", len(value))
	}
	return h, nil
}
