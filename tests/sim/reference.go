package sim

import (
	"bytes"
	"sort"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// reference is the sequential run of the decided blocks, with what every key
// held at every height.
type reference struct {
	slots    protocol.SlotTable
	run      *executor.Sequential
	versions map[string][]version // by key, ascending by height
	sums     []protocol.Sum       // state digest of every shard, now
	height   protocol.Height
}

// version is what a key holds from a height on.
type version struct {
	from    protocol.Height
	value   []byte
	present bool
}

func newReference(slots protocol.SlotTable) *reference {
	return &reference{
		slots: slots, run: executor.NewSequential(machine{}, limits()),
		versions: map[string][]version{}, sums: make([]protocol.Sum, slots.Shards()),
	}
}

// next runs one block on top, and gives its outcomes and the keys that it
// changed. An error means that the block can never be committed.
func (r *reference) next(transactions []protocol.Transaction) (protocol.Outcomes, [][]byte, error) {
	outcomes, err := r.run.Execute(transactions)
	if err != nil {
		return outcomes, nil, err
	}
	r.height++
	var changed [][]byte
	for _, t := range transactions {
		for _, a := range t.Access {
			if a.Mode.Writes() && r.update(a.Key) {
				changed = append(changed, a.Key)
			}
		}
	}
	return outcomes, changed, nil
}

// update notes what the key holds at the height, and reports whether that is
// new.
func (r *reference) update(key []byte) bool {
	before, _ := r.at(key, r.height)
	value, present := r.run.Get(key)
	if before.present == present && bytes.Equal(before.value, value) {
		return false
	}
	shard := r.slots.Owner(key)
	if before.present {
		r.sums[shard] = r.sums[shard].Sub(protocol.PairSum(key, before.value))
	}
	if present {
		r.sums[shard] = r.sums[shard].Add(protocol.PairSum(key, value))
	}
	r.versions[string(key)] = append(r.versions[string(key)], version{from: r.height, value: value, present: present})
	return true
}

// at gives what a key holds at a height; ok is false if it never held anything
// up to there.
func (r *reference) at(key []byte, h protocol.Height) (v version, ok bool) {
	all := r.versions[string(key)]
	n := sort.Search(len(all), func(i int) bool { return all[i].from > h })
	if n == 0 {
		return version{}, false
	}
	return all[n-1], true
}

// digest is the state digest of a shard at the newest height.
func (r *reference) digest(s protocol.ShardID) protocol.Digest { return r.sums[s].Digest() }
