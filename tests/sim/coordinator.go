package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/coordinator/replica"
	"github.com/lockstep-exec/lockstep/protocol"
)

// coordinatorProcess is one incarnation of the coordinator: the shipping core,
// and round it what package coordinator's Coordinator is in production. Several
// may run at once; the newest owns the log.
type coordinatorProcess struct {
	process
	start    int // counts the incarnations, from 1
	core     *coordinator.Core
	log      *decisionLog
	machine  *replica.Machine // of its replica
	applied  uint64           // entries that the machine has applied
	history  *archive
	ways     []ways // to and from each shard: there is to the coordinator
	sessions protocol.Session
	refusing string // why no session is accepted; "" while they are

	waiting   []*submission                        // clients that wait for an answer
	operators map[protocol.Waiter]protocol.Resolve // what operators asked for who wait
	abandoned string                               // why nobody gets an answer any more
	handled   int                                  // counts calls of Handle

	tickAt, keepAt, confirmAt time.Duration

	failed error // the node ended while its history was written
	// Armed faults.
	failLog, noSpace, failHistory bool
	historyFailed                 bool // the fault has come
}

// startCoordinator begins an incarnation on the log. Those that run go on, and
// learn later that they are deposed.
func (w *world) startCoordinator() {
	w.incarnations++
	p := &coordinatorProcess{process: w.newProcess(fmt.Sprintf("coordinator%d", w.incarnations)), start: w.incarnations, ways: make([]ways, len(w.shards)), operators: map[protocol.Waiter]protocol.Resolve{}}
	p.history = w.newest.copy()
	w.newest = p.history
	p.tickAt, p.keepAt, p.confirmAt = w.now, w.now, w.now+w.confirmEvery
	p.fuse = w.breaksAtStart(CoordinatorInside)
	w.coordinators = append(w.coordinators, p)
	w.count("incarnations")
	w.trace.note(p.name, "starts", w.decisions.last(), w.decisions.durable, uint64(p.history.Height()))
	p.step(p.open)
	if !p.dead {
		p.step(func() error { return p.core.Handle(protocol.Tick{Now: p.clock()}) })
	}
}

func (p *coordinatorProcess) open() (err error) {
	w := p.world
	p.log = w.decisions.open(p)
	place := w.place(&p.process, p.start)
	place.Coordinator = true
	wraps := w.options.Wraps
	state, err := p.recover()
	if err != nil {
		return err
	}
	if state.Config.IsZero() {
		state.Config = w.config
	}
	read, _ := p.machine.State()
	p.core, err = coordinator.OpenCore(coordinator.CoreParts{
		Log:      wrapped(wraps.DecisionLog, place, coordinator.DecisionLog(replica.NewLog(p.log, read.Mark))),
		State:    wrapped(wraps.State, place, state),
		History:  wrapped(wraps.History, place, coordinator.History(pastOf{p})),
		Sessions: wrapped(wraps.CoordinatorSessions, place, coordinator.Sessions(centreSessions{p})),
		Clients:  wrapped(wraps.Clients, place, coordinator.Clients(clients{p})),
		Protocol: w.protocol, Post: p.post, Logger: hclog.NewNullLogger(),
		Wrap: func(m coordinator.Machine) coordinator.Machine { return wrapped(wraps.Coordinator, place, m) },
	})
	if err != nil && p.log.poisoned == nil {
		return w.fail("start", "%s does not start: %v", p.name, err)
	}
	return err
}

// step lets the process do something, and takes care of its end.
func (p *coordinatorProcess) step(do func() error) {
	ends, err := p.do(func() error { return errors.Join(do(), p.failed) })
	if ends != "" {
		wrong := p.log.poisoned != nil || !p.log.owns() || p.historyFailed
		p.world.check(err == nil || wrong, "node", "%s stops, although nothing is wrong with its log and its history: %v", p.name, err)
		p.end(ends)
		return
	}
	p.world.checkCoordinator(p)
}

// handle gives the node some of the events that wait, with a tick if one is due.
func (p *coordinatorProcess) handle(events ...protocol.Event) {
	p.step(func() error { return p.pass(events) })
}

func (p *coordinatorProcess) pass(events []protocol.Event) error {
	p.world.trace.events(p.name, events, len(p.inbox))
	p.handled++
	p.mark(events)
	if err := p.core.Handle(events...); err != nil {
		return err
	}
	p.closeAll()
	return nil
}

// meanwhile is the loop of the coordinator while its history is written.
func (p *coordinatorProcess) meanwhile() {
	if len(p.inbox) > 0 && p.percent(40) {
		p.failed = p.pass(p.take(p.world.mostEvents))
	}
}

// closeAll ends what is left of the sessions of a node that has ended.
func (p *coordinatorProcess) closeAll() {
	why := p.core.Status().Ended
	if why == "" || p.refusing != "" {
		return
	}
	p.refusing = why
	p.world.trace.say(p.name, "ended: %s", why)
	for _, t := range p.world.sessions {
		if t.coordinator == p {
			t.close(&t.atCentre)
		}
	}
}

// keep moves decisions into the history.
func (p *coordinatorProcess) keep() {
	p.keepAt = p.world.now + p.wait(100*time.Millisecond, 400*time.Millisecond)
	p.step(p.keepNow)
}

// confirm makes sure that the log is this incarnation's.
func (p *coordinatorProcess) confirm() {
	p.confirmAt = p.world.now + p.world.confirmEvery
	p.step(func() error {
		if err := p.core.Confirm(); err != nil {
			return err
		}
		p.closeAll()
		return nil
	})
}

// end is the end of the process. If it owned the log, of what it had not forced
// only the first part survives.
func (p *coordinatorProcess) end(why string) {
	w := p.world
	w.trace.note(p.name, "ends")
	w.trace.say(p.name, "%s", why)
	w.count("coordinator ends")
	p.dead = true
	p.abandon("its coordinator is gone")
	if p.log != nil && p.log.owns() {
		w.decisions.cut(p.chooser)
	}
	w.endSessions(func(t *session) *sessionEnd {
		if t.coordinator == p {
			return &t.atCentre
		}
		return nil
	})
	w.removeCoordinator(p)
	w.coordinatorAt = w.now + p.wait(0, 2*time.Second)
}

func (w *world) removeCoordinator(p *coordinatorProcess) {
	var rest []*coordinatorProcess
	for _, o := range w.coordinators {
		if o != p {
			rest = append(rest, o)
		}
	}
	w.coordinators = rest
}

// anyCoordinator gives an incarnation that runs, mostly the newest.
func (w *world) anyCoordinator(c chooser) *coordinatorProcess {
	n := len(w.coordinators)
	switch {
	case n == 0:
		return nil
	case c.percent(60):
		return w.coordinators[n-1]
	}
	return w.coordinators[c.IntN(n)]
}

// owner is the incarnation that owns the log, or nil while there is none.
func (w *world) owner() *coordinatorProcess {
	if n := len(w.coordinators); n > 0 && w.coordinators[n-1].log != nil && w.coordinators[n-1].log.owns() {
		return w.coordinators[n-1]
	}
	return nil
}

// centreSessions carries out a coordinator's effects on sessions, as
// rpc.SessionServer does.
type centreSessions struct{ *coordinatorProcess }

func (s centreSessions) find(number protocol.Session) *session {
	for _, t := range s.world.sessions {
		if t.coordinator == s.coordinatorProcess && t.atCentre.number == number {
			return t
		}
	}
	return nil
}

// Send implements coordinator.Sessions.
func (s centreSessions) Send(env protocol.Envelope) {
	s.operation("before a send")
	t := s.find(env.Session)
	if t == nil {
		s.world.checkSaid(s.coordinatorProcess, nil, env)
		return
	}
	s.world.checkSaid(s.coordinatorProcess, t.shard, env)
	t.send(&t.down, &t.atCentre, s.name, env)
}

// Close implements coordinator.Sessions.
func (s centreSessions) Close(number protocol.Session, reason string) {
	s.operation("before a close")
	s.world.trace.say(s.name, "closes session %d: %s", number, reason)
	if t := s.find(number); t != nil {
		t.close(&t.atCentre)
	}
}
