package sim

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// operator has blocks settled that are not (C10), at any moment, through any
// coordinator, whether it is of use or not.
type operator struct {
	chooser
	world *world
	at    time.Duration // when it does something next
}

// operated reports whether there is an operator: with every fourth seed there is.
func (w *world) operated() bool { return w.seed%4 == 1 && !w.options.Plain }

func (w *world) newOperator() *operator {
	c := newChooser(w.seed, streamOperator, 0)
	return &operator{chooser: c, world: w, at: c.wait(0, time.Second)}
}

// act asks for something.
func (o *operator) act() {
	w := o.world
	o.at = w.now + o.wait(0, 20*w.pause)
	p := w.anyCoordinator(o.chooser)
	if p == nil || p.core == nil || p.abandoned != "" || !p.takesMore() {
		return
	}
	ev := o.wish(p.core.Status().CoordinatorStatus)
	if ev.Key == "" {
		return
	}
	w.waiters++
	ev.Waiter = w.waiters
	p.operators[ev.Waiter] = ev
	w.trace.note("operator", "asks", uint64(ev.Waiter), uint64(ev.Action))
	w.trace.say("operator", "asks %s for a %s of block %q, dry run %t", p.name, ev.Action, ev.Key, ev.DryRun)
	p.post(ev)
}

// wish draws what to ask for: of a block under way, or of the newest decided one.
func (o *operator) wish(now protocol.CoordinatorStatus) protocol.Resolve {
	ev := protocol.Resolve{Action: one(o.chooser, []protocol.ResolveAction{
		protocol.ResolveResync, protocol.ResolveResync, protocol.ResolveRetry, protocol.ResolveWithdraw,
	}), By: "operator", DryRun: o.percent(15)}
	switch {
	case len(now.InFlight) > 0 && o.percent(85):
		b := one(o.chooser, now.InFlight)
		ev.Key, ev.Attempt = b.Key, b.Attempt
	case now.Decided != nil:
		ev.Key, ev.Height = now.Decided.Key, now.Decided.Height()
	}
	return ev
}

// checkResolved checks what an operator is told.
func (w *world) checkResolved(p *coordinatorProcess, asked protocol.Resolve, a protocol.Answer) {
	w.trace.note(p.name, "tells the operator", uint64(a.Waiter), uint64(a.Verdict))
	_, done := w.keys[asked.Key]
	switch a.Verdict {
	case protocol.VerdictResolved:
		if asked.DryRun { // later events of the same pass may have changed what could be done
			w.count("operator looked")
			return
		}
		w.check(!done || asked.Action == protocol.ResolveResync, "3 durability", "the operator is told that block %q is taken back, and it is committed (C10)", asked.Key)
		w.check(p.log.owns(), "1 agreement", "%s does not own the log, and does something for the operator (C1)", p.name)
		w.check(w.acts[asked.Key] > 0, "3 durability", "what was done with block %q for the operator is not recorded (C10)", asked.Key)
		w.acts[asked.Key]--
		w.count("operator: " + asked.Action.String())
		if asked.Action == protocol.ResolveWithdraw {
			w.closeAsks(p, asked.Key, nil)
		}
	case protocol.VerdictCommitted:
		w.check(done, "3 durability", "the operator is told that block %q is committed, and it is not", asked.Key)
		w.count("operator told committed")
	case protocol.VerdictStaysInDoubt:
		w.count("operator told to wait")
	case protocol.VerdictRefused:
		w.count("operator refused")
	default:
		_ = w.fail("client", "the operator gets verdict %d for block %q", a.Verdict, asked.Key)
	}
}
