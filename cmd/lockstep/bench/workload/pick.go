package workload

import (
	"math"
	"math/rand/v2"
	"sort"

	"github.com/lockstep-exec/lockstep/protocol"
)

// ranks draws accounts by Zipf's law, whatever the exponent: the sums of the
// weights are written down and searched.
type ranks struct{ sums []float64 }

func newRanks(accounts int, skew float64) *ranks {
	r := &ranks{sums: make([]float64, accounts)}
	total := 0.0
	for i := range r.sums {
		total += math.Pow(float64(i+1), -skew)
		r.sums[i] = total
	}
	return r
}

func (r *ranks) draw(random *rand.Rand) uint32 {
	at := random.Float64() * r.sums[len(r.sums)-1]
	return uint32(min(sort.SearchFloat64s(r.sums, at), len(r.sums)-1))
}

// homes knows on which shard each account lives.
type homes struct {
	shard    []protocol.ShardID // by account
	accounts [][]uint32         // by shard
}

func newHomes(accounts int, slots protocol.SlotTable) *homes {
	h := &homes{shard: make([]protocol.ShardID, accounts), accounts: make([][]uint32, slots.Shards())}
	for i := range h.shard {
		owner := slots.Owner(AccountKey(uint32(i)))
		h.shard[i] = owner
		h.accounts[owner] = append(h.accounts[owner], uint32(i))
	}
	return h
}

// partner draws another account, on the same shard or on another one, if there
// is any.
func (h *homes) partner(of uint32, same bool, random *rand.Rand) uint32 {
	home := h.accounts[h.shard[of]]
	all := len(h.shard)
	if len(home) == all || same && len(home) > 1 {
		return other(of, func() uint32 { return home[random.IntN(len(home))] }, all)
	}
	for {
		if to := random.Uint32N(uint32(all)); h.shard[to] != h.shard[of] {
			return to
		}
	}
}
