package sim

import (
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wire"
)

// session is a session between a process of a shard and an incarnation of the
// coordinator, with the bytes that are on their way: what package rpc does, on
// the network of the world. Each side has a number of its own for it.
//
// A session ends at each side on its own. What is on its way when it breaks may
// arrive in part; what arrives after its end does not reach the node.
type session struct {
	world       *world
	shard       *shardProcess
	coordinator *coordinatorProcess
	atShard     sessionEnd
	atCentre    sessionEnd // the coordinator's
	up, down    lanes      // to the coordinator, to the shard
	broken      bool       // nothing more is taken up
}

// sessionEnd is one side of a session.
type sessionEnd struct {
	number protocol.Session
	closes bool          // the node has closed it: what comes in is thrown away
	by     time.Duration // when it is over at the latest, once it closes
	over   bool          // the node was told Closed
}

// lanes are what is on its way in one direction. A message of the control lane
// may overtake those of the bulk lane.
type lanes struct {
	control, bulk []parcel
	sent          uint64
}

type parcel struct {
	number uint64
	data   []byte
}

func (l *lanes) len() int { return len(l.control) + len(l.bulk) }

func (l *lanes) add(lane wire.Lane, data []byte) {
	l.sent++
	p := parcel{l.sent, data}
	if lane == wire.Control {
		l.control = append(l.control, p)
	} else {
		l.bulk = append(l.bulk, p)
	}
}

// next takes the message that arrives next.
func (l *lanes) next(c chooser) []byte {
	from := &l.bulk
	if len(l.control) > 0 && (len(l.bulk) == 0 || l.control[0].number < l.bulk[0].number || c.percent(50)) {
		from = &l.control
	}
	data := (*from)[0].data
	*from = (*from)[1:]
	return data
}

// lose drops the end of what is on its way. A bulk message does not overtake a
// control message: it is lost with any that was sent before it.
func (l *lanes) lose(c chooser) {
	keep := c.IntN(len(l.control) + 1)
	l.bulk = l.bulk[:c.IntN(len(l.bulk)+1)]
	for keep < len(l.control) && len(l.bulk) > 0 && l.bulk[len(l.bulk)-1].number > l.control[keep].number {
		l.bulk = l.bulk[:len(l.bulk)-1]
	}
	l.control = l.control[:keep]
}

func (l *lanes) clear() { l.control, l.bulk = nil, nil }

// send puts a message of one side on its way.
func (s *session) send(l *lanes, end *sessionEnd, who string, env protocol.Envelope) {
	if s.broken || end.closes || end.over {
		return
	}
	lane, data, err := wire.Marshal(env)
	if err != nil {
		s.world.fail("wire", "%s cannot send: %v", who, err)
	}
	s.world.trace.message(who, "sends", env, data)
	if !s.world.calm && l.len() >= s.world.queueMessages {
		s.world.count("session overflows")
		s.tear(s.world.draw)
		return
	}
	l.add(lane, data)
}

// tear breaks the session: the end of what is on its way is lost.
func (s *session) tear(c chooser) {
	if s.broken {
		return
	}
	s.broken = true
	s.up.lose(c)
	s.down.lose(c)
}

// close is what a node does: what was sent before still goes out.
func (s *session) close(end *sessionEnd) {
	if !end.closes {
		end.closes, end.by = true, s.world.now+time.Second
	}
}

// leave is the end of a process: its side learns nothing more.
func (s *session) leave(end *sessionEnd, c chooser) {
	end.over = true
	s.tear(c)
}

// done reports whether nothing can come of the session any more.
func (s *session) done() bool { return s.atShard.over && s.atCentre.over }

// canArriveUp reports whether a message could reach the coordinator now.
func (s *session) canArriveUp() bool {
	return s.up.len() > 0 && !s.atCentre.over && s.coordinator.takesMore() && !s.network().there.blocked(s.world.now)
}

func (s *session) canArriveDown() bool {
	return s.down.len() > 0 && !s.atShard.over && s.shard.takesMore() && !s.network().back.blocked(s.world.now)
}

func (s *session) network() *ways { return &s.coordinator.ways[s.shard.shard.id] }

// arriveUp brings the next message to the coordinator.
func (s *session) arriveUp() {
	data := s.up.next(s.world.draw)
	if s.atCentre.closes {
		return
	}
	env, err := wire.UnmarshalToCoordinator(data, wire.Bounds{Shards: len(s.world.shards), Transactions: limits().BlockTransactions})
	if err != nil {
		s.world.fail("wire", "a message of %s cannot be read: %v", s.shard.name, err)
	}
	env.Session = s.atCentre.number
	s.world.trace.message(s.coordinator.name, "receives", env, data)
	s.coordinator.post(protocol.Received{Envelope: env})
}

// arriveDown brings the next message to the shard.
func (s *session) arriveDown() {
	data := s.down.next(s.world.draw)
	if s.atShard.closes {
		return
	}
	env, err := wire.UnmarshalToShard(data, wire.Bounds{Shards: s.shard.core.Status().Config.Shards()})
	if err != nil {
		s.world.fail("wire", "a message of %s cannot be read: %v", s.coordinator.name, err)
	}
	env.Session = s.atShard.number
	s.world.trace.message(s.shard.name, "receives", env, data)
	switch m := env.Message.(type) {
	case *protocol.Welcome:
		s.shard.failures = 0
	case protocol.Commit:
		if m.Height() <= s.shard.core.Status().Committed.Height() {
			s.world.count("commits again")
		}
	}
	s.shard.post(protocol.Received{Envelope: env})
}

// canEndAtShard reports whether the shard could learn now that the session is
// over: it broke, or was closed and all is out, or nothing was heard for long.
func (s *session) canEndAtShard() bool {
	return s.canEnd(&s.atShard, &s.up, &s.network().there, &s.network().back)
}

func (s *session) canEndAtCentre() bool {
	return s.canEnd(&s.atCentre, &s.down, &s.network().back, &s.network().there)
}

func (s *session) canEnd(end *sessionEnd, out *lanes, outWay, inWay *way) bool {
	now := s.world.now
	switch {
	case end.over:
		return false
	case end.closes && (out.len() == 0 || now >= end.by):
		return true
	}
	return (s.broken && !inWay.blocked(now)) || inWay.silent(now)
}

// endAtShard tells the shard. It dials again after a while.
func (s *session) endAtShard() {
	s.finish(&s.atShard, &s.up, &s.down)
	p := s.shard
	s.world.trace.note(p.name, "session over", uint64(s.atShard.number))
	p.session = nil
	p.failures++
	p.dialAt = s.world.now + p.backoff(100*time.Millisecond, 5*time.Second)
	p.post(protocol.Closed{Session: s.atShard.number})
}

func (s *session) endAtCentre() {
	s.finish(&s.atCentre, &s.down, &s.up)
	s.world.trace.note(s.coordinator.name, "session over", uint64(s.atCentre.number))
	s.coordinator.post(protocol.Closed{Session: s.atCentre.number})
}

// finish ends one side. If it was the first, the other may still get what is
// on its way to it, all of it if this side has closed in good order.
func (s *session) finish(end *sessionEnd, out, in *lanes) {
	end.over = true
	in.clear()
	if !s.broken {
		s.broken = true
		if !end.closes {
			out.lose(s.world.draw)
		}
	}
}
