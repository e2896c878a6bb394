package machinetest

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

const (
	mostBlocks       = 4
	mostTransactions = 12
	mostShards       = 4
)

// plan is one run of a check.
type plan struct {
	blocks [][]drawn
	shards int
	seed   uint64 // of the order in which the shards work
}

// drawn is a transaction of a plan.
type drawn struct {
	protocol.Transaction
	damaged bool // what it says may be nonsense
}

func drawPlan(t *rapid.T, transactions *rapid.Generator[protocol.Transaction]) plan {
	one := rapid.Custom(func(t *rapid.T) drawn {
		d := drawn{Transaction: transactions.Draw(t, "transaction")}
		if d.damaged = rapid.IntRange(0, 3).Draw(t, "damage") == 3; d.damaged {
			d.Transaction = damage(t, d.Transaction, transactions)
		}
		return d
	})
	return plan{
		blocks: rapid.SliceOfN(rapid.SliceOfN(one, 1, mostTransactions), 1, mostBlocks).Draw(t, "blocks"),
		shards: rapid.IntRange(1, mostShards).Draw(t, "shards"),
		seed:   rapid.Uint64().Draw(t, "order"),
	}
}

// damage makes of a transaction what a client with a bug, or a bad one, might send.
func damage(t *rapid.T, of protocol.Transaction, transactions *rapid.Generator[protocol.Transaction]) protocol.Transaction {
	payload, access := slices.Clone(of.Payload), slices.Clone(of.Access)
	line := func() int { return rapid.IntRange(0, len(access)-1).Draw(t, "line") }
	kind := rapid.SampledFrom([]string{"cut", "byte", "longer", "random", "mode", "drop", "other key", "other list"}).Draw(t, "kind")
	if len(access) == 0 {
		return of
	}
	switch kind {
	case "cut":
		payload = payload[:rapid.IntRange(0, len(payload)).Draw(t, "length")]
	case "byte":
		if len(payload) > 0 {
			payload[rapid.IntRange(0, len(payload)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
	case "longer":
		payload = append(payload, rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(t, "bytes")...)
	case "random":
		payload = rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "payload")
	case "mode":
		access[line()].Mode = rapid.SampledFrom([]protocol.Mode{protocol.Read, protocol.Write, protocol.ReadWrite}).Draw(t, "mode")
	case "drop":
		if len(access) > 1 {
			at := line()
			access = slices.Delete(access, at, at+1)
		}
	case "other key":
		if other := transactions.Draw(t, "other").Access; len(other) > 0 {
			access[line()].Key = rapid.SampledFrom(other).Draw(t, "key").Key
		}
	case "other list":
		access = transactions.Draw(t, "other").Access
	}
	return protocol.NewTransaction(payload, access)
}
