package coordinator

import (
	"github.com/lockstep-exec/lockstep/protocol"
)

// NewBlock makes a block from its key, its canonical body and the transactions
// decoded from that body, and cuts it into the sub-blocks of the shards. They share
// the body: what stands beside it are 4 bytes for each transaction, and 5 for each
// shard that one touches, where it has a key of at least 4.
func NewBlock(key string, body []byte, transactions []protocol.Transaction, slots protocol.SlotTable) *protocol.Block {
	return &protocol.Block{
		Key: key, ID: protocol.BlockID(key, body), Body: body, Transactions: len(transactions),
		Parts: partition(body, transactions, slots),
	}
}

// partition gives every shard the transactions that touch it, in block order,
// and notes which of them it executes. It counts the parts before it makes them: a
// block is large, and memory for it is better taken once.
func partition(body []byte, transactions []protocol.Transaction, slots protocol.SlotTable) []protocol.Part {
	touches := make([]protocol.Touch, 0, 2*len(transactions))
	ends := make([]int, len(transactions)) // of the touches of each transaction
	counts := make([]int, slots.Shards())  // of the transactions of each shard
	for i := range transactions {
		from := len(touches)
		touches = transactions[i].Touches(slots, touches)
		for _, touch := range touches[from:] {
			counts[touch.Shard]++
		}
		ends[i] = len(touches)
	}
	parts := make([]protocol.Part, len(counts))
	indexes := make([][]uint32, len(counts))
	for s, n := range counts {
		indexes[s], parts[s].Executes = make([]uint32, 0, n), make([]bool, 0, n)
	}
	from := 0
	for i, end := range ends {
		for _, touch := range touches[from:end] {
			indexes[touch.Shard] = append(indexes[touch.Shard], uint32(i))
			parts[touch.Shard].Executes = append(parts[touch.Shard].Executes, touch.Executes)
		}
		from = end
	}
	for s, excerpt := range protocol.Excerpts(body, transactions, indexes) {
		parts[s].Indexes, parts[s].Excerpt = indexes[s], excerpt
	}
	return parts
}
