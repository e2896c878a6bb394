package sim

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// action is one thing that could happen next.
type action struct {
	kind actionKind
	at   any // what it happens to
	to   int // peer, if any
}

type actionKind uint8

const (
	shardHandles actionKind = iota
	pieceRuns
	arrivesUp
	arrivesDown
	valuesArrive
	valuesLeave
	coordinatorHandles
	coordinatorTicks
	coordinatorKeeps
	coordinatorConfirms
	coordinatorLeaves
	shardTicks
	shardLooks
	shardDials
	peerDials
	clientActs
	viewReads
	endsAtShard
	endsAtCentre
	streamEndsFrom
	streamEndsTo
	shardStarts
	coordinatorStarts
	spaceReturns
	operatorActs
	numActions
)

// weights say how often an action is chosen, compared with others that could
// happen as well. A seed makes some of them much larger or smaller.
var weights = [numActions]int{
	shardHandles: 8, pieceRuns: 8, arrivesUp: 8, arrivesDown: 8, valuesArrive: 6, valuesLeave: 6, coordinatorHandles: 8,
	coordinatorTicks: 3, coordinatorKeeps: 2, coordinatorConfirms: 1, coordinatorLeaves: 1, shardTicks: 1, shardLooks: 2, shardDials: 3, peerDials: 3,
	clientActs: 3, viewReads: 2, endsAtShard: 1, endsAtCentre: 1, streamEndsFrom: 1, streamEndsTo: 1, shardStarts: 2, coordinatorStarts: 2, spaceReturns: 2,
	operatorActs: 3,
}

// step lets one thing happen, and mostly some time pass.
func (w *world) step() {
	w.steps++
	if !w.calm && w.draw.IntN(10_000) < w.rate {
		w.breakSomething()
		return
	}
	could := w.actions()
	if len(could) == 0 {
		w.goOn(40 * time.Millisecond)
		return
	}
	if w.draw.percent(25) {
		w.goOn(8 * time.Millisecond)
	}
	total := 0
	for _, a := range could {
		total += w.weights[a.kind]
	}
	pick := w.draw.IntN(total)
	for _, a := range could {
		if pick -= w.weights[a.kind]; pick < 0 {
			w.trace.mark(uint64(a.kind), uint64(a.to))
			w.perform(a)
			break
		}
	}
	w.takeAway()
	w.closeViews()
	w.tidy()
}

// goOn lets time pass.
func (w *world) goOn(most time.Duration) {
	w.now += w.draw.wait(0, most)
	w.trace.mark(uint64(w.now))
}

// actions lists what could happen now.
func (w *world) actions() []action {
	list := w.scratch[:0]
	add := func(kind actionKind, at any, to int) { list = append(list, action{kind, at, to}) }
	for _, s := range w.shards {
		if s.process == nil {
			if w.now >= s.startAt {
				add(shardStarts, s, 0)
			}
			continue
		}
		w.shardActions(s, add)
	}
	for _, p := range w.coordinators {
		w.coordinatorActions(p, add)
	}
	if w.owner() == nil && w.now >= w.coordinatorAt {
		add(coordinatorStarts, nil, 0)
	}
	for _, t := range w.sessions {
		w.sessionActions(t, add)
	}
	for _, t := range w.streams {
		w.streamActions(t, add)
	}
	for _, c := range w.clients {
		if w.now >= c.at && !w.calm {
			add(clientActs, c, 0)
		}
	}
	if o := w.operator; o != nil && w.now >= o.at && !w.calm {
		add(operatorActs, o, 0)
	}
	for _, v := range w.views {
		if w.now >= v.next && !v.process.dead {
			add(viewReads, v, 0)
		}
	}
	w.scratch = list
	return list
}

func (w *world) shardActions(s *shard, add func(actionKind, any, int)) {
	p := s.process
	if s.full && (w.calm || w.now >= s.fullUntil) {
		add(spaceReturns, s, 0)
	}
	if w.now < p.busyUntil {
		return
	}
	if len(p.inbox) > 0 {
		add(shardHandles, p, 0)
	}
	if len(p.pieces) > 0 {
		add(pieceRuns, p, 0)
	}
	if w.now >= p.tickAt && len(p.core.Status().Held) > 0 {
		add(shardTicks, p, 0)
	}
	if w.now >= p.checkpointAt {
		add(shardLooks, p, 0)
	}
	if p.canDial() {
		add(shardDials, p, 0)
	}
	for to := range w.shards {
		if p.exchange.canPump(to) {
			add(valuesLeave, p, to)
		} else if p.exchange.canDial(to) {
			add(peerDials, p, to)
		}
	}
}

func (w *world) coordinatorActions(p *coordinatorProcess, add func(actionKind, any, int)) {
	if w.now < p.busyUntil {
		return
	}
	if p.refusing != "" {
		add(coordinatorLeaves, p, 0)
	}
	if len(p.inbox) > 0 {
		add(coordinatorHandles, p, 0)
	}
	if w.now >= p.tickAt {
		add(coordinatorTicks, p, 0)
	}
	if w.now >= p.keepAt {
		add(coordinatorKeeps, p, 0)
	}
	if w.now >= p.confirmAt {
		add(coordinatorConfirms, p, 0)
	}
}

func (w *world) sessionActions(t *session, add func(actionKind, any, int)) {
	if t.canArriveUp() {
		add(arrivesUp, t, 0)
	}
	if t.canArriveDown() {
		add(arrivesDown, t, 0)
	}
	if t.canEndAtShard() {
		add(endsAtShard, t, 0)
	}
	if t.canEndAtCentre() {
		add(endsAtCentre, t, 0)
	}
}

func (w *world) streamActions(t *stream, add func(actionKind, any, int)) {
	if t.canArrive(w) {
		add(valuesArrive, t, 0)
	}
	if t.canEndFrom(w) {
		add(streamEndsFrom, t, 0)
	}
	if t.canEndTo(w) {
		add(streamEndsTo, t, 0)
	}
}

func (w *world) perform(a action) {
	switch at := a.at.(type) {
	case *shardProcess:
		w.performOnShard(a.kind, at, a.to)
	case *coordinatorProcess:
		w.performOnCoordinator(a.kind, at)
	case *session:
		w.performOnSession(a.kind, at)
	case *stream:
		w.performOnStream(a.kind, at)
	case *client:
		at.act()
	case *operator:
		at.act()
	case *openView:
		at.read(w)
	case *shard:
		if a.kind == spaceReturns {
			at.makeRoom()
		} else {
			at.start()
		}
	default:
		w.startCoordinator()
	}
}

func (w *world) performOnShard(kind actionKind, p *shardProcess, to int) {
	switch kind {
	case shardHandles:
		p.handle()
	case pieceRuns:
		p.runPiece()
	case shardTicks:
		p.tickAt = w.now + w.tickEvery
		p.step(func() error { p.core.Tick(); return nil })
	case shardLooks:
		p.lookAtCheckpoint()
	case shardDials:
		p.dial()
	case valuesLeave:
		p.exchange.pump(to)
	case peerDials:
		p.exchange.dial(to)
	}
}

func (w *world) performOnCoordinator(kind actionKind, p *coordinatorProcess) {
	switch kind {
	case coordinatorHandles:
		p.handle(p.take(w.mostEvents)...)
	case coordinatorTicks:
		p.tickAt = w.now + w.tickEvery
		p.handle(protocol.Tick{Now: p.clock()})
	case coordinatorKeeps:
		p.keep()
	case coordinatorConfirms:
		p.confirm()
	case coordinatorLeaves:
		p.end("is of no more use")
	}
}

func (w *world) performOnSession(kind actionKind, t *session) {
	switch kind {
	case arrivesUp:
		t.arriveUp()
	case arrivesDown:
		t.arriveDown()
	case endsAtShard:
		t.endAtShard()
	case endsAtCentre:
		t.endAtCentre()
	}
}

func (w *world) performOnStream(kind actionKind, t *stream) {
	switch kind {
	case valuesArrive:
		t.arrive(w)
	case streamEndsFrom:
		t.endFrom(w)
	case streamEndsTo:
		t.endTo(w)
	}
}
