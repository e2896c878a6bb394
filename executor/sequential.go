package executor

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/lockstep-exec/lockstep/protocol"
)

// Sequential is the reference of what a sequence of blocks comes to: it runs
// every transaction alone, one after the other, over a state in memory. A
// cluster must come to the same state and the same outcomes, byte for byte,
// whatever its number of shards and threads (invariant 6). Proofs, tests and
// measurements compare with it. It is not safe for concurrent use.
type Sequential struct {
	machine Machine
	tx      *Tx
	state   map[string][]byte
	undo    []undo // changes of the block being run, oldest first
}

type undo struct {
	key     []byte
	value   []byte
	present bool
}

// NewSequential starts with an empty state. The limits are the cluster's.
func NewSequential(m Machine, limits protocol.Limits) *Sequential {
	return &Sequential{machine: m, tx: NewTx(limits), state: make(map[string][]byte)}
}

// Execute runs one block and gives the outcome of each transaction. An error
// means that the machine has a bug; then nothing of the block is kept.
func (s *Sequential) Execute(transactions []protocol.Transaction) (protocol.Outcomes, error) {
	s.undo = s.undo[:0]
	outcomes := protocol.NewOutcomes(len(transactions))
	for i, t := range transactions {
		outcome, err := s.run(t)
		if err == nil {
			err = outcomes.Set(i, outcome)
		}
		if err != nil {
			s.rollBack()
			return protocol.Outcomes{}, fmt.Errorf("run transaction %d: %w", i, err)
		}
	}
	return outcomes, nil
}

func (s *Sequential) run(t protocol.Transaction) (string, error) {
	s.tx.Reset(t)
	for i, a := range t.Access {
		if a.Mode.Reads() {
			value, present := s.state[string(a.Key)]
			s.tx.SetInput(i, value, present)
		}
	}
	outcome, err := Run(s.machine, s.tx)
	if err != nil {
		return "", err
	}
	for _, w := range s.tx.Writes() {
		s.write(w)
	}
	return outcome, nil
}

func (s *Sequential) write(w protocol.WriteOp) {
	before, present := s.state[string(w.Key)]
	s.undo = append(s.undo, undo{key: w.Key, value: before, present: present})
	if w.Delete {
		delete(s.state, string(w.Key))
		return
	}
	s.state[string(w.Key)] = bytes.Clone(w.Value) // lives long: do not hold on to the Tx's memory
}

func (s *Sequential) rollBack() {
	for _, u := range slices.Backward(s.undo) {
		if u.present {
			s.state[string(u.key)] = u.value
		} else {
			delete(s.state, string(u.key))
		}
	}
}

// Get gives the value of a key; ok is false if it is absent. The value must
// not be changed.
func (s *Sequential) Get(key []byte) (value []byte, ok bool) {
	value, ok = s.state[string(key)]
	return value, ok
}

// State gives the state itself, not a copy: it must not be changed, and
// changes with the next Execute.
func (s *Sequential) State() map[string][]byte { return s.state }

// All gives every key with its value, in ascending order of key bytes.
func (s *Sequential) All() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, key := range slices.Sorted(maps.Keys(s.state)) {
			if !yield(key, s.state[key]) {
				return
			}
		}
	}
}

// StateDigest gives the state digest of the pairs that live on one shard, by
// a full scan.
func (s *Sequential) StateDigest(slots protocol.SlotTable, shard protocol.ShardID) protocol.Digest {
	var sum protocol.Sum
	for key, value := range s.state {
		if k := []byte(key); slots.Owner(k) == shard {
			sum = sum.Add(protocol.PairSum(k, value))
		}
	}
	return sum.Digest()
}
