package coordinator

import (
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
// and notes which of them it executes. It measures the parts before it makes
// them: a block is large, and memory for it is better taken once.
func partition(transactions []protocol.Transaction, slots protocol.SlotTable) []protocol.Part {
	touches := make([]protocol.Touch, 0, 2*len(transactions))
	ends := make([]int, len(transactions)) // of the touches of each transaction
	sizes := make([]partSize, slots.Shards())
	for i := range transactions {
		t := &transactions[i]
		from := len(touches)
		touches = t.Touches(slots, touches)
		for _, touch := range touches[from:] {
			sizes[touch.Shard].transactions++
			sizes[touch.Shard].bytes += t.EncodedLen()
		}
		ends[i] = len(touches)
	}
	writers := make([]partWriter, len(sizes))
	for s, size := range sizes {
		writers[s] = newPartWriter(size)
	}
	from := 0
	for i, end := range ends {
		for _, touch := range touches[from:end] {
			writers[touch.Shard].add(uint32(i), &transactions[i], touch.Executes)
		}
		from = end
	}
	parts := make([]protocol.Part, len(writers))
	for s := range writers {
		parts[s] = writers[s].part()
	}
	return parts
}

// partSize is how much one shard gets of a block.
type partSize struct{ transactions, bytes int }

// partWriter makes the part of one shard.
type partWriter struct {
	indexes  []uint32
	executes []bool
	subBlock protocol.SubBlockWriter
}

func newPartWriter(size partSize) partWriter {
	return partWriter{
		indexes: make([]uint32, 0, size.transactions), executes: make([]bool, 0, size.transactions),
		subBlock: protocol.NewSubBlockWriter(size.transactions, size.bytes),
	}
}

func (w *partWriter) add(index uint32, t *protocol.Transaction, executes bool) {
	w.indexes = append(w.indexes, index)
	w.executes = append(w.executes, executes)
	w.subBlock.Add(index, t)
}

func (w *partWriter) part() protocol.Part {
	return protocol.Part{Indexes: w.indexes, Executes: w.executes, SubBlock: w.subBlock.Bytes()}
}
