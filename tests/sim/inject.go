package sim

import (
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// breakSomething injects a fault, unless it is one of those to be left out.
// What it is depends on the seed and its ordinal alone, not on what has
// happened before.
func (w *world) breakSomething() {
	w.faults++
	if len(w.kinds) == 0 {
		return
	}
	c := newChooser(w.seed, streamFault, w.faults)
	f := one(c, w.kinds)
	if w.options.Skip[w.faults] || w.options.Without.Has(f) {
		return
	}
	w.trace.note("fault", f.String(), uint64(w.faults))
	w.count("fault " + f.String())
	switch {
	case f <= OldDisk:
		w.breakShard(c, f, w.shards[c.IntN(len(w.shards))])
	case f <= Takeover:
		w.breakCoordinator(c, f)
	case f <= CutToCoordinator:
		w.breakSession(c, f)
	case f == TimeJump:
		w.now += c.wait(100*time.Millisecond, 5*time.Second)
	default:
		w.breakExchange(c, f)
	}
}

// has reports whether a kind of fault comes in this run.
func (w *world) has(f Fault) bool { return slices.Contains(w.kinds, f) }

// breaksAtStart gives a process that starts a fuse, now and then: its number of
// operations up to the crash, or 0. This too is a fault with an ordinal.
func (w *world) breaksAtStart(f Fault) (fuse int) {
	if w.calm || w.rate == 0 || !w.has(f) {
		return 0
	}
	w.faults++
	c := newChooser(w.seed, streamFault, w.faults)
	if !c.percent(10) || w.options.Skip[w.faults] {
		return 0
	}
	w.trace.note("fault", f.String(), uint64(w.faults))
	w.count("fault " + f.String())
	return c.between(1, 6)
}

func (w *world) breakShard(c chooser, f Fault, s *shard) {
	p := s.process
	if p == nil {
		return
	}
	switch f {
	case ShardCrash:
		if c.percent(20) { // an orderly stop
			p.log.force()
		}
		s.end("is killed")
	case ShardCrashInside:
		p.fuse = c.between(1, 12)
	case ShardAppendFails:
		p.failAppend = true
	case ShardSyncFails:
		p.failSync = true
	case ShardSlowDisk:
		p.busyUntil = w.now + c.wait(0, 3*time.Second)
	case ShardFull:
		s.full, s.fullUntil = true, w.now+c.wait(10*time.Millisecond, 3*time.Second)
		p.obstruct()
	case CheckpointPutOff:
		p.putOff = true
	case TrimRefused:
		p.failTrim = c.percent(30)
		p.refuseTrim = !p.failTrim
	case OldDisk:
		s.end("is stopped, for an older copy of its disk")
		s.goBack()
	}
}

// obstruct tells a shard that there is no space.
func (p *shardProcess) obstruct() {
	p.wasFull = true
	p.post(protocol.Obstructed{Reason: "no space is left"})
}

// makeRoom tells a shard that there is space again.
func (s *shard) makeRoom() {
	s.full = false
	s.world.trace.note("fault", "space returns", uint64(s.id))
	s.process.post(protocol.Obstructed{})
}

func (w *world) breakCoordinator(c chooser, f Fault) {
	if f == Takeover {
		if len(w.coordinators) < 3 {
			w.startCoordinator()
		}
		return
	}
	p := w.anyCoordinator(c)
	if p == nil {
		return
	}
	switch f {
	case CoordinatorCrash:
		p.end("is killed")
	case CoordinatorInside:
		p.fuse = c.between(1, 20)
	case CoordinatorLogFails:
		p.failLog = true
	case CoordinatorHistory:
		if c.percent(60) {
			p.noSpace = true
		} else {
			p.failHistory = true
		}
	case CoordinatorSlow:
		p.busyUntil = w.now + c.wait(0, 2*time.Second)
	}
}

func (w *world) breakSession(c chooser, f Fault) {
	if f == SessionReset {
		if len(w.sessions) > 0 {
			w.sessions[c.IntN(len(w.sessions))].tear(c)
		}
		return
	}
	p := w.anyCoordinator(c)
	if p == nil {
		return
	}
	v, until := &p.ways[c.IntN(len(p.ways))], w.now+w.outage(c)
	if f != CutToShard {
		v.there.block(w.now, until)
	}
	if f != CutToCoordinator {
		v.back.block(w.now, until)
	}
}

// outage draws how long a way is cut: mostly shorter than anybody notices.
func (w *world) outage(c chooser) time.Duration {
	if c.percent(60) {
		return c.wait(time.Millisecond, time.Second)
	}
	return c.wait(time.Second, 9*time.Second)
}

func (w *world) breakExchange(c chooser, f Fault) {
	n := len(w.shards)
	from, to, until := c.IntN(n), c.IntN(n), w.now+w.outage(c)
	switch f {
	case PeersCutBothWays:
		w.peerWay(from, to).block(w.now, until)
		w.peerWay(to, from).block(w.now, until)
	case PeersCutOneWay:
		w.peerWay(from, to).block(w.now, until)
	case PeersCutOff:
		for other := range n {
			w.peerWay(from, other).block(w.now, until)
			w.peerWay(other, from).block(w.now, until)
		}
	case ExchangeReset, ExchangeRepeats:
		if len(w.streams) == 0 {
			return
		}
		t := w.streams[c.IntN(len(w.streams))]
		t.broken = true
		if f == ExchangeReset {
			t.inFlight = t.inFlight[:c.IntN(len(t.inFlight)+1)]
		} else {
			t.endFrom(w)
		}
	}
}
