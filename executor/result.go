package executor

import (
	"bytes"
	"slices"

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

func (r *run) writes() ([]protocol.WriteOp, protocol.Sum) {
	writes := make([]protocol.WriteOp, 0, len(r.graph.keys))
	var delta protocol.Sum
	for i, k := range r.graph.keys {
		if k.last == base {
			continue
		}
		old, now := r.base[i], r.versions[k.last]
		if old.present == now.present && bytes.Equal(old.bytes, now.bytes) {
			continue
		}
		if old.present {
			delta = delta.Sub(protocol.PairSum(k.key, old.bytes))
		}
		if now.present {
			delta = delta.Add(protocol.PairSum(k.key, now.bytes))
		}
		writes = append(writes, protocol.WriteOp{Key: k.key, Value: now.bytes, Delete: !now.present})
	}
	slices.SortFunc(writes, func(a, b protocol.WriteOp) int { return bytes.Compare(a.Key, b.Key) })
	return writes, delta
}
