package machinetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/lockstep-exec/lockstep/protocol"
)

// cluster is shards in one thread: what any of them could do next is done in an order
// that comes from a seed. They run the code that ships, over a state in memory.
type cluster struct {
	config protocol.Config
	shards []*shard
	next   []func() error // pieces of executions, and values on their way
	order  *rand.Rand
}

// together executes the blocks on a cluster, and compares it with what is expected
// after each.
func (c *checker) together(p plan, list []expected) error {
	config := protocol.Config{Cluster: protocol.ClusterID{1}, Slots: protocol.EvenSlots(p.shards), Limits: c.limits}
	w := &cluster{config: config, order: rand.New(rand.NewPCG(p.seed, uint64(p.shards)))}
	for id := range p.shards {
		w.shards = append(w.shards, newShard(w, protocol.ShardID(id), c.machine))
	}
	for b, e := range list {
		if err := w.commit(protocol.Height(b+1), e); err != nil {
			return fmt.Errorf("%d shards, block %d: %w", p.shards, b+1, err)
		}
	}
	return nil
}

func (w *cluster) commit(h protocol.Height, e expected) error {
	attempt := protocol.AttemptID{Height: h, Epoch: 1, Attempt: 1}
	subs := cut(e.transactions, w.config.Slots)
	for i, s := range w.shards {
		s.result = nil
		s.runner.Execute(&protocol.Execute{Attempt: attempt, SubBlock: protocol.EncodeSubBlock(subs[i])})
	}
	for len(w.next) > 0 {
		at := w.order.IntN(len(w.next))
		step := w.next[at]
		w.next = slices.Delete(w.next, at, at+1)
		if err := step(); err != nil {
			return err
		}
	}
	state := map[string][]byte{}
	for i, s := range w.shards {
		if err := s.commit(h, subs[i], e.outcomes); err != nil {
			return fmt.Errorf("shard %d %w", s.id, err)
		}
		maps.Copy(state, s.state)
	}
	if difference := differ(state, e.state); difference != "" {
		return fmt.Errorf("the state is not that of a sequential run: %s", difference)
	}
	return nil
}

// cut gives every shard the transactions that touch it.
func cut(block []protocol.Transaction, slots protocol.SlotTable) []protocol.SubBlock {
	subs := make([]protocol.SubBlock, slots.Shards())
	for i, t := range block {
		for _, touch := range t.Touches(slots, nil) {
			subs[touch.Shard] = append(subs[touch.Shard], protocol.SubTransaction{Index: uint32(i), Transaction: t})
		}
	}
	return subs
}

// differ says what the first key is that differs, "" if none does.
func differ(got, want map[string][]byte) string {
	keys := maps.Clone(got)
	maps.Copy(keys, want)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		a, inA := got[key]
		b, inB := want[key]
		if inA != inB || string(a) != string(b) {
			return fmt.Sprintf("%q is %s, want %s", key, spell(a, inA), spell(b, inB))
		}
	}
	return ""
}

func spell(value []byte, present bool) string {
	if !present {
		return "absent"
	}
	return fmt.Sprintf("%q", value)
}
