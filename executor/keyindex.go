package executor

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// keyIndex numbers the keys of a sub-block as they come. It is a hash table
// with open addressing that holds numbers only, and the keys stand elsewhere.
// Clients choose the keys, so the seed of the hash is drawn at random; the
// numbers do not depend on it.
type keyIndex struct {
	seed  maphash.Seed
	table []int32 // 1 + number of a key, or 0; at most half full
}

// newKeyIndex makes room for so many keys.
func newKeyIndex(most int) keyIndex {
	return keyIndex{seed: maphash.MakeSeed(), table: make([]int32, 1<<bits.Len(uint(2*most)))}
}

// find gives the number of a key among the keys found so far. It gives a new
// key the next number, and the caller must append it.
func (x *keyIndex) find(key []byte, keys []localKey) int32 {
	mask := uint64(len(x.table) - 1)
	for at := maphash.Bytes(x.seed, key) & mask; ; at = (at + 1) & mask {
		switch n := x.table[at]; {
		case n == 0:
			x.table[at] = int32(len(keys)) + 1
			return int32(len(keys))
		case bytes.Equal(keys[n-1].key, key):
			return n - 1
		}
	}
}
