package executor

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/lockstep-exec/lockstep/protocol"
)

// inOrder sorts local keys ascending. It compares eight bytes of each, from the
// first byte on in which they differ: nearly always that decides, and costs no
// look at the keys themselves.
func (g *graph) inOrder(keys []int32) []int32 {
	type entry struct {
		prefix uint64
		key    int32
	}
	shared := g.sharedPrefix(keys)
	entries := make([]entry, len(keys))
	for i, k := range keys {
		entries[i] = entry{protocol.KeyPrefix(g.keys[k].key[shared:]), k}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return bytes.Compare(g.keys[a.key].key, g.keys[b.key].key)
	})
	for i, e := range entries {
		keys[i] = e.key
	}
	return keys
}

// sharedPrefix is the number of bytes that all of the keys begin with.
func (g *graph) sharedPrefix(keys []int32) int {
	if len(keys) == 0 {
		return 0
	}
	shared := g.keys[keys[0]].key
	for _, k := range keys[1:] {
		key := g.keys[k].key
		shared = shared[:min(len(shared), len(key))]
		for i := range shared {
			if shared[i] != key[i] {
				shared = shared[:i]
				break
			}
		}
	}
	return len(shared)
}
