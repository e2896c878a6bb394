package protocol

import (
	"bytes"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// SlotCount is the number of slots that keys are hashed to.
const SlotCount = 16384

// MaxShards bounds the number of shards of a cluster.
const MaxShards = 1024

// Slot gives the slot of a key: xxhash64 of the key, or of the part between
// the first '{' and the next '}' if there is one and it is not empty, modulo
// SlotCount. Keys that share that part live on the same shard.
func Slot(key []byte) uint16 {
	return uint16(xxhash.Sum64(hashPart(key)) % SlotCount)
}

func hashPart(key []byte) []byte {
	open := bytes.IndexByte(key, '{')
	if open < 0 {
		return key
	}
	length := bytes.IndexByte(key[open+1:], '}')
	if length <= 0 {
		return key
	}
	return key[open+1 : open+1+length]
}

// SlotTable says which shard owns which slots: shard i owns the slots from
// its start up to the start of the next shard.
type SlotTable struct {
	starts []uint16
	owner  []uint16 // by slot; what starts says, spelt out for the hot path
}

// EvenSlots divides the slots evenly and in order among the shards.
func EvenSlots(shards int) SlotTable {
	starts := make([]uint16, shards)
	for i := range starts {
		starts[i] = uint16(i * SlotCount / shards) //nolint:G115 // below SlotCount
	}
	return slotTable(starts)
}

// NewSlotTable builds a table from the first slot of every shard. The first
// start must be 0 and the starts must grow.
func NewSlotTable(starts []uint16) (SlotTable, error) {
	if len(starts) == 0 || len(starts) > MaxShards || starts[0] != 0 {
		return SlotTable{}, fmt.Errorf("slot table of %d shards does not start at slot 0", len(starts))
	}
	for i, s := range starts {
		if s >= SlotCount || (i > 0 && s <= starts[i-1]) {
			return SlotTable{}, fmt.Errorf("slot table: shard %d starts at slot %d, out of order", i, s)
		}
	}
	return slotTable(append([]uint16(nil), starts...)), nil
}

func slotTable(starts []uint16) SlotTable {
	t := SlotTable{starts: starts, owner: make([]uint16, SlotCount)}
	for i, start := range starts {
		end := SlotCount
		if i+1 < len(starts) {
			end = int(starts[i+1])
		}
		for s := int(start); s < end; s++ {
			t.owner[s] = uint16(i)
		}
	}
	return t
}

// Shards is the number of shards.
func (t SlotTable) Shards() int { return len(t.starts) }

// Starts gives the first slot of every shard. The caller must not change it.
func (t SlotTable) Starts() []uint16 { return t.starts }

// Owner gives the shard on which the key lives.
func (t SlotTable) Owner(key []byte) ShardID { return ShardID(t.owner[Slot(key)]) }
