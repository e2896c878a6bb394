package executor

import (
	"bytes"

	"github.com/lockstep-exec/lockstep/protocol"
)

// outcomeOf collects what a finished run came to: outcomes, the writes in
// ascending order of keys, and what they add to the state digest. A key whose
// value is the same after the block as before is no write.
func (r *run) outcomeOf(pushed [][]byte) (protocol.Result, []protocol.WriteOp, error) {
	outcomes := protocol.NewOutcomes(len(r.graph.tasks))
	for i, name := range r.outcome {
		if name == "" {
			continue
		}
		if err := outcomes.Set(i, name); err != nil {
			return protocol.Result{}, nil, err
		}
	}
	writes, delta := r.writes()
	return protocol.Result{
		Delta: delta, Outcomes: outcomes, Writes: protocol.EncodeWrites(writes), Pushed: encodePushed(pushed),
	}, writes, nil
}

// writes gives the writes and what they add to the state digest.
func (r *run) writes() ([]protocol.WriteOp, protocol.Sum) {
	changed := r.graph.inOrder(r.changed())
	writes := make([]protocol.WriteOp, len(changed))
	var delta protocol.Sum
	for i, k := range changed {
		key, old, now := r.graph.keys[k].key, r.base[k], r.versions[r.graph.keys[k].last]
		if old.present {
			delta = delta.Sub(protocol.PairSum(key, old.bytes))
		}
		if now.present {
			delta = delta.Add(protocol.PairSum(key, now.bytes))
		}
		writes[i] = protocol.WriteOp{Key: key, Value: now.bytes, Delete: !now.present}
	}
	return writes, delta
}

// changed gives the keys that have another value after the block than before.
func (r *run) changed() []int32 {
	changed := make([]int32, 0, len(r.graph.keys))
	for i, k := range r.graph.keys {
		if k.last == base {
			continue
		}
		old, now := r.base[i], r.versions[k.last]
		if old.present != now.present || !bytes.Equal(old.bytes, now.bytes) {
			changed = append(changed, int32(i))
		}
	}
	return changed
}
