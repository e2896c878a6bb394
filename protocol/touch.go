package protocol

import "slices"

// Touch is a shard that owns a key of a transaction.
type Touch struct {
	Shard ShardID
	// Executes: the shard owns a key that the transaction may write, or the
	// first key if it declares no write. Others only supply values.
	Executes bool
}

// Touches gives the shards that own a key of the transaction, each once, in the
// order of their first keys. The result is appended to dst.
func (t *Transaction) Touches(slots SlotTable, dst []Touch) []Touch {
	from, writes := len(dst), false
	for i := range t.Access {
		a := &t.Access[i]
		at := touchOf(&dst, from, slots.Owner(a.Key))
		if a.Mode.Writes() {
			at.Executes, writes = true, true
		}
	}
	if !writes && len(dst) > from {
		dst[from].Executes = true
	}
	return dst
}

// touchOf gives the place of a shard among those from a place on, and makes one
// if there is none.
func touchOf(touches *[]Touch, from int, s ShardID) *Touch {
	for i := from; i < len(*touches); i++ {
		if (*touches)[i].Shard == s {
			return &(*touches)[i]
		}
	}
	*touches = append(*touches, Touch{Shard: s})
	return &(*touches)[len(*touches)-1]
}

// Executors gives the shards that execute the transaction: the owners of its
// write keys, or the owner of the first key if it declares no write. The
// result is ascending and appended to dst.
func (t Transaction) Executors(slots SlotTable, dst []ShardID) []ShardID {
	from := len(dst)
	for _, touch := range t.Touches(slots, nil) {
		if touch.Executes {
			dst = append(dst, touch.Shard)
		}
	}
	slices.Sort(dst[from:])
	return dst
}
