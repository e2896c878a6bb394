package proof

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// comparison holds pairs against what one shard should have, ascending by key.
type comparison struct {
	shard int
	where string            // what the pairs were read from
	state map[string][]byte // of all shards
	owed  []string          // keys that have not come yet, ascending
	found func(Finding)
	sum   protocol.Sum
	pairs uint64
}

// newComparison compares with the state that a sequential run has come to.
func newComparison(run *executor.Sequential, slots protocol.SlotTable, shard int, where string, found func(Finding)) *comparison {
	c := &comparison{shard: shard, where: where, state: run.State(), found: found}
	for key := range c.state {
		if slots.Owner([]byte(key)) == protocol.ShardID(shard) {
			c.owed = append(c.owed, key)
		}
	}
	slices.Sort(c.owed)
	return c
}

// pair takes the next pair. The value counts for nothing if it is damaged.
func (c *comparison) pair(key, value []byte, damage error) {
	name := string(key)
	for len(c.owed) > 0 && c.owed[0] < name {
		c.missing()
	}
	owed := len(c.owed) > 0 && c.owed[0] == name
	want := absent
	if owed {
		c.owed = c.owed[1:]
		want = shown(c.state[name])
	}
	switch {
	case damage != nil:
		c.report(name, want, fmt.Sprintf("damaged (%v)", damage))
		return
	case !owed || !bytes.Equal(value, c.state[name]):
		c.report(name, want, shown(value))
	}
	c.pairs++
	c.sum = c.sum.Add(protocol.PairSum(key, value))
}

// end takes it that no more pairs come.
func (c *comparison) end() {
	for len(c.owed) > 0 {
		c.missing()
	}
}

func (c *comparison) missing() {
	key := c.owed[0]
	c.owed = c.owed[1:]
	c.report(key, shown(c.state[key]), absent)
}

func (c *comparison) report(key, want, got string) {
	c.found(Finding{Shard: c.shard, Key: key, What: "is wrong in " + c.where, Expected: want, Actual: got})
}
