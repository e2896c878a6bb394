package sim

import (
	"errors"
	"time"

	"github.com/lockstep-exec/lockstep/coordinator"
	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/wal"
)

// stopsForNothing: a shard stops although its disk is well.
func stopsForNothing(_ *world, into *Wraps) {
	into.ShardLog = func(at Place, log executor.ReplayLog) executor.ReplayLog { return nervousLog{log, at} }
}

type nervousLog struct {
	executor.ReplayLog
	at Place
}

func (l nervousLog) Append(records ...wal.Record) (uint64, error) {
	if l.at.Rand.IntN(60) == 0 {
		l.at.Count("planted")
		return 0, errors.New("the records do not follow each other")
	}
	return l.ReplayLog.Append(records...)
}

// answersForgotten: a client is left without an answer, now and then.
func answersForgotten(_ *world, into *Wraps) {
	into.Clients = func(at Place, c coordinator.Clients) coordinator.Clients { return forgetfulClients{c, at} }
}

type forgetfulClients struct {
	coordinator.Clients
	at Place
}

func (c forgetfulClients) Answer(a protocol.Answer) {
	if c.at.Rand.IntN(5) == 0 {
		c.at.Count("planted")
		return
	}
	c.Clients.Answer(a)
}

// pushesLost: values for a peer are not sent, now and then.
func pushesLost(_ *world, into *Wraps) {
	into.Pusher = func(at Place, p executor.Pusher) executor.Pusher { return lossyPusher{p, at} }
}

type lossyPusher struct {
	executor.Pusher
	at Place
}

func (p lossyPusher) Push(to protocol.ShardID, a protocol.AttemptID, values []byte) {
	if p.at.Rand.IntN(10) == 0 {
		p.at.Count("planted")
		return
	}
	p.Pusher.Push(to, a, values)
}

// refusedForNothing: a shard asks for another attempt although it has executed
// its part.
func refusedForNothing(_ *world, into *Wraps) {
	failsExecutions(protocol.Refusal{Reason: "the writes do not follow each other", Retry: true}, into)
}

// rejectedForNothing: the same for good.
func rejectedForNothing(_ *world, into *Wraps) {
	failsExecutions(protocol.Refusal{Reason: "the block cannot be executed"}, into)
}

func failsExecutions(with protocol.Refusal, into *Wraps) {
	participants(func(at Place, m executor.Participant) step {
		return func(ev protocol.Event) (protocol.Effects, error) {
			if done, ok := ev.(protocol.Executed); ok && done.Failure == nil && at.Rand.IntN(8) == 0 {
				at.Count("planted")
				done.Failure = &with
				ev = done
			}
			return m.Step(ev)
		}
	}, into)
}

// abortedEarly: a block is withdrawn before the deadline of its client, or
// without one.
func abortedEarly(_ *world, into *Wraps) {
	coordinators(func(at Place, m coordinator.Machine) step {
		var now time.Time
		return func(ev protocol.Event) (protocol.Effects, error) {
			switch in := ev.(type) {
			case protocol.Tick:
				now = in.Now
			case protocol.Submitted:
				early := now.Add(30 * time.Millisecond)
				if at.Rand.IntN(4) == 0 && (in.Deadline.IsZero() || early.Before(in.Deadline)) {
					at.Count("planted")
					in.Deadline = early
					ev = in
				}
			}
			return m.Step(ev)
		}
	}, into)
}
