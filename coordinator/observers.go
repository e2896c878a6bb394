package coordinator

import "github.com/lockstep-exec/lockstep/protocol"

// observers are one Observer, and hear of everything in turn.
type observers []Observer

func (all observers) Stepped(ev protocol.Event, e *protocol.Effects) {
	for _, o := range all {
		o.Stepped(ev, e)
	}
}

func (all observers) CarriedOut() {
	for _, o := range all {
		o.CarriedOut()
	}
}
