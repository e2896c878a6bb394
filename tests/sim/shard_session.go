package sim

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// shardSessions carries out a shard's effects on its session, as
// rpc.SessionClient does.
type shardSessions struct{ *shardProcess }

// Send implements executor.Sessions.
func (s shardSessions) Send(env protocol.Envelope) {
	s.operation("before a send")
	s.world.checkSent(s.shardProcess, env)
	if t := s.session; t != nil && t.atShard.number == env.Session {
		t.send(&t.up, &t.atShard, s.name, env)
	}
}

// Close implements executor.Sessions.
func (s shardSessions) Close(number protocol.Session, reason string) {
	s.operation("before a close")
	s.world.trace.say(s.name, "closes session %d: %s", number, reason)
	if t := s.session; t != nil && t.atShard.number == number {
		t.close(&t.atShard)
	}
}

func (p *shardProcess) canDial() bool { return p.session == nil && p.world.now >= p.dialAt }

// dial opens a session to an incarnation of the coordinator, mostly the newest,
// or fails and tries again later.
func (p *shardProcess) dial() {
	w := p.world
	target := w.anyCoordinator(p.chooser)
	if target == nil || target.refusing != "" || !target.ways[p.shard.id].open(w.now) {
		p.failures++
		p.dialAt = w.now + p.backoff(100*time.Millisecond, 5*time.Second)
		w.trace.note(p.name, "dials in vain", uint64(p.failures))
		return
	}
	p.sessions++
	target.sessions++
	p.session = &session{
		world: w, shard: p, coordinator: target,
		atShard: sessionEnd{number: p.sessions}, atCentre: sessionEnd{number: target.sessions},
	}
	w.sessions = append(w.sessions, p.session)
	w.count("sessions")
	w.trace.note(p.name, "opens a session", uint64(p.sessions), uint64(target.start))
	p.post(protocol.Opened{Session: p.sessions})
}
