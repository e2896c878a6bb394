package coordinator

import (
	"slices"

	"github.com/lockstep-exec/lockstep/protocol"
)

// NewBlock makes a block from its key, its canonical body and the transactions
// decoded from that body, and cuts it into the sub-blocks of the shards.
func NewBlock(key string, body []byte, transactions []protocol.Transaction, slots protocol.SlotTable) *protocol.Block {
	return &protocol.Block{
		Key: key, ID: protocol.BlockID(key, body), Body: body, Transactions: len(transactions),
		Parts: partition(transactions, slots),
	}
}

// partition gives every shard the transactions that touch it, in block order,
// and notes which of them it executes.
func partition(transactions []protocol.Transaction, slots protocol.SlotTable) []protocol.Part {
	subs := make([]protocol.SubBlock, slots.Shards())
	parts := make([]protocol.Part, slots.Shards())
	var touched, executors []protocol.ShardID
	for i, t := range transactions {
		touched = touchedBy(t, slots, touched[:0])
		executors = t.Executors(slots, executors[:0])
		for _, s := range touched {
			subs[s] = append(subs[s], protocol.SubTransaction{Index: uint32(i), Transaction: t})
			parts[s].Executes = append(parts[s].Executes, slices.Contains(executors, s))
		}
	}
	for s := range parts {
		parts[s].Indexes = subs[s].Indexes()
		parts[s].SubBlock = protocol.EncodeSubBlock(subs[s])
	}
	return parts
}

// touchedBy appends the shards that own a key of the transaction.
func touchedBy(t protocol.Transaction, slots protocol.SlotTable, dst []protocol.ShardID) []protocol.ShardID {
	for _, a := range t.Access {
		if s := slots.Owner(a.Key); !slices.Contains(dst, s) {
			dst = append(dst, s)
		}
	}
	return dst
}
