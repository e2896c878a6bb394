package executor

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// mixer is a machine for tests: what it writes depends on everything it may
// read, so a value that is missing, old or of another transaction shows. The
// first byte of the payload chooses how it ends.
var mixer = machineFunc(func(tx *Tx) string {
	h := fnv.New64a()
	h.Write(tx.Payload())
	for i := range tx.Keys() {
		if tx.access[i].Mode.Reads() {
			value, ok := tx.Get(i)
			fmt.Fprintf(h, "%d %v %x,", i, ok, value)
		}
	}
	sum := h.Sum64()
	for i := range tx.Keys() {
		if !tx.access[i].Mode.Writes() {
			continue
		}
		switch (sum >> (i % 32)) % 7 {
		case 0:
			tx.Delete(i)
		case 1: // leaves it as it was
		default:
			tx.Put(i, binary.BigEndian.AppendUint64(nil, sum+uint64(i)))
		}
	}
	switch verb := tx.Payload()[0]; {
	case verb == 'p':
		panic("as told")
	case verb == 'u':
		tx.Put(tx.Keys(), nil) // not in the access list
	case verb == 'f', verb == 'c' && sum%3 == 0:
		return "failed"
	}
	return protocol.OutcomeApplied
})

// testConfig is of a cluster with that many shards.
func testConfig(shards int) protocol.Config {
	c := protocol.Config{Slots: protocol.EvenSlots(shards), Limits: protocol.DefaultLimits()}
	c.Cluster[0] = 1
	return c
}

// subBlocks cuts a block as a coordinator does.
func subBlocks(block []protocol.Transaction, slots protocol.SlotTable) []protocol.SubBlock {
	subs := make([]protocol.SubBlock, slots.Shards())
	for i, t := range block {
		touched := map[protocol.ShardID]bool{}
		for _, a := range t.Access {
			if s := slots.Owner(a.Key); !touched[s] {
				touched[s] = true
				subs[s] = append(subs[s], protocol.SubTransaction{Index: uint32(i), Transaction: t})
			}
		}
	}
	return subs
}

// drawnKeys is the most keys that drawBlock draws from: key0, key1, …
const drawnKeys = 200

// drawBlock draws transactions over few keys, so that they conflict, or over
// many.
func drawBlock(t *rapid.T, verbs string, most int) []protocol.Transaction {
	keys := rapid.SampledFrom([]int{1, 2, 5, 12, drawnKeys}).Draw(t, "keys")
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) protocol.Transaction {
		var access []protocol.Access
		for range rapid.IntRange(1, 5).Draw(t, "accesses") {
			access = append(access, protocol.Access{
				Key:  fmt.Appendf(nil, "key%d", rapid.IntRange(0, keys-1).Draw(t, "key")),
				Mode: rapid.SampledFrom([]protocol.Mode{protocol.Read, protocol.Write, protocol.ReadWrite}).Draw(t, "mode"),
			})
		}
		verb := rapid.SampledFrom([]byte(verbs)).Draw(t, "verb")
		payload := append([]byte{verb}, rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "payload")...)
		return protocol.NewTransaction(payload, access)
	}), 0, most).Draw(t, "block")
}

// txn makes a transaction; the mode stands before each key as r:, w: or x:.
func txn(payload string, accesses ...string) protocol.Transaction {
	modes := map[string]protocol.Mode{"r:": protocol.Read, "w:": protocol.Write, "x:": protocol.ReadWrite}
	var access []protocol.Access
	for _, a := range accesses {
		access = append(access, protocol.Access{Key: []byte(a[2:]), Mode: modes[a[:2]]})
	}
	return protocol.NewTransaction([]byte(payload), access)
}

// keysOn gives n keys that live on a shard.
func keysOn(slots protocol.SlotTable, shard protocol.ShardID, n int) (keys []string) {
	for i := 0; len(keys) < n; i++ {
		if key := fmt.Sprintf("k%d", i); slots.Owner([]byte(key)) == shard {
			keys = append(keys, key)
		}
	}
	return keys
}
