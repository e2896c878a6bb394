package sim

import (
	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/protocol"
)

// oldDiskTaken: a shard that lacks what is decided is taken for one that has it
// prepared.
func oldDiskTaken(w *world, into *Wraps) {
	coordinators(func(at Place, m coordinator.Machine) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			hello, ok := message(ev).(*protocol.Hello)
			decided := m.Status().Decided
			if !ok || decided == nil {
				return m.Step(ev)
			}
			has := *hello
			has.Prepared = nil
			for h := hello.Committed.Height() + 1; h <= decided.Height(); h++ {
				d := w.decision(h)
				has.Prepared = append(has.Prepared, protocol.Vote{Attempt: d.Attempt, Yes: true, Digest: d.Digests[hello.Shard]})
				has.Epoch = max(has.Epoch, d.Attempt.Epoch)
			}
			for _, v := range hello.Prepared {
				if v.Attempt.Height > decided.Height() {
					has.Prepared = append(has.Prepared, v)
				}
			}
			if len(has.Prepared) > len(hello.Prepared) {
				at.Count("planted")
			}
			return m.Step(with(ev, &has))
		}
	}, into)
}
