package coordinator

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

func drawTransactions(t *rapid.T) []protocol.Transaction {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) protocol.Transaction {
		var access []protocol.Access
		for range rapid.IntRange(1, 6).Draw(t, "keys") {
			access = append(access, protocol.Access{
				Key:  fmt.Appendf(nil, "key%d", rapid.IntRange(0, 30).Draw(t, "key")),
				Mode: rapid.SampledFrom([]protocol.Mode{protocol.Read, protocol.Write, protocol.ReadWrite}).Draw(t, "mode"),
			})
		}
		return protocol.NewTransaction(rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "payload"), access)
	}), 1, 30).Draw(t, "transactions")
}

// TestPartitionGivesEveryShardItsPart: each transaction goes to exactly the
// shards that own one of its keys, in block order, and is executed by exactly
// those of Transaction.Executors.
func TestPartitionGivesEveryShardItsPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := protocol.EvenSlots(rapid.IntRange(1, 7).Draw(t, "shards"))
		transactions := drawTransactions(t)
		b := NewBlock("key", protocol.EncodeBody(transactions), transactions, slots)
		if len(b.Parts) != slots.Shards() || b.Transactions != len(transactions) || b.ID != protocol.BlockID("key", b.Body) {
			t.Fatalf("block %+v", b)
		}
		for s, part := range b.Parts {
			sub, err := protocol.DecodeSubBlock(part.Excerpt.Bytes(), protocol.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			var want []uint32
			for i, tx := range transactions {
				if slices.ContainsFunc(tx.Access, func(a protocol.Access) bool { return slots.Owner(a.Key) == protocol.ShardID(s) }) {
					want = append(want, uint32(i))
				}
			}
			if !slices.Equal(part.Indexes, want) || !slices.Equal(sub.Indexes(), want) || len(part.Executes) != len(want) {
				t.Fatalf("shard %d gets %v, its sub-block has %v, want %v", s, part.Indexes, sub.Indexes(), want)
			}
			for at, i := range want {
				if executes := slices.Contains(transactions[i].Executors(slots, nil), protocol.ShardID(s)); part.Executes[at] != executes {
					t.Fatalf("shard %d, transaction %d: executes %v", s, i, part.Executes[at])
				}
				if got := protocol.EncodeBody([]protocol.Transaction{sub[at].Transaction}); !bytes.Equal(got, protocol.EncodeBody(transactions[i:i+1])) {
					t.Fatalf("shard %d, transaction %d is another", s, i)
				}
			}
		}
	})
}

// TestPartsShareTheBody: a block takes memory once, however many shards its
// transactions touch.
func TestPartsShareTheBody(t *testing.T) {
	const shards = 64
	var access []protocol.Access
	for n := range 8 * shards {
		access = append(access, protocol.Access{Key: fmt.Appendf(nil, "key%d", n), Mode: protocol.Write})
	}
	transactions := []protocol.Transaction{protocol.NewTransaction(make([]byte, 1<<20), access)}
	body, slots := protocol.EncodeBody(transactions), protocol.EvenSlots(shards)
	var b *protocol.Block
	before := allocated()
	b = NewBlock("key", body, transactions, slots)
	if took := allocated() - before; took > 1<<18 {
		t.Errorf("a block of %d KiB for %d shards took %d KiB beside its body", len(body)>>10, shards, took>>10)
	}
	for s, part := range b.Parts {
		if len(part.Indexes) == 1 && part.Excerpt.Len() < 1<<20 {
			t.Errorf("shard %d gets %d bytes", s, part.Excerpt.Len())
		}
	}
}

// allocated tells how many bytes were allocated since the process began.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
