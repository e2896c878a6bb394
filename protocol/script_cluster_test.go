package protocol

import "fmt"

// scriptCluster wires a coordinator and its shards by queues. The first word
// of a line names the node where that matters: "c", or the number of a shard.
type scriptCluster struct {
	*printer
	c        *scriptCoordinator
	shards   []*scriptShard
	links    []link
	sessions Session
}

// link is the session of a shard, with what is on its way.
type link struct {
	session           Session
	toShard, fromHere []Envelope
}

func newScriptCluster(p *printer, args line) *scriptCluster {
	s := &scriptCluster{printer: p, c: newScriptCoordinator(p, args)}
	for i := range s.c.config.Shards() {
		shard := newScriptShard(p, parseLine(fmt.Sprintf("shard id=%d shards=%d", i, s.c.config.Shards())))
		s.shards = append(s.shards, shard)
	}
	s.links = make([]link, len(s.shards))
	return s
}

func (s *scriptCluster) start(contents []line) {
	s.printf("c: start")
	s.c.start(contents)
	for i, shard := range s.shards {
		s.printf("%d: start", i)
		shard.start(nil)
	}
}

// do carries out one line:
//
//	dial 0 | cut 0 | crash 0 | crash c [keep=1] | checkpoint 0 [trim] | history height=1
//	submit, tick: as for a coordinator
//	deliver 0 | deliver c 0    the next message for shard 0, or from it
//	finish 0 1/1.1 | fail 0 1/1.1 [retry]: reason
//	run                        everything, until nothing moves
//	status
func (s *scriptCluster) do(l line) bool {
	switch l.verb {
	case "submit", "tick", "history":
		s.c.do(l)
	case "dial":
		s.dial(l.shard(0))
	case "cut":
		s.cut(l.shard(0))
	case "crash":
		s.crash(l)
	case "checkpoint":
		s.shards[l.shard(0)].do(l)
	case "deliver":
		s.deliver(l)
	case "finish":
		s.finish(l.shard(0), l.attempt())
	case "fail":
		s.shards[l.shard(0)].do(parseLine("failed " + l.attempt().String() + " retry: " + l.reason))
	case "run":
		s.run()
	case "status":
		s.status()
	default:
		return false
	}
	s.collect()
	return true
}

func (l *line) shard(word int) int { return int(parseNumber(l.words[word])) }

func (s *scriptCluster) status() {
	s.printf("c:")
	s.c.do(parseLine("status"))
	for i, shard := range s.shards {
		s.printf("%d:", i)
		shard.do(parseLine("status"))
	}
}

// collect puts what was sent onto the links; what belongs to a session that is
// gone is lost.
func (s *scriptCluster) collect() {
	for i := range s.links {
		l := &s.links[i]
		l.fromHere = appendFor(l.fromHere, s.shards[i].sent, l.session)
		l.toShard = appendFor(l.toShard, s.c.sent, l.session)
		s.shards[i].sent = nil
	}
	s.c.sent = nil
}

func appendFor(queue, sent []Envelope, session Session) []Envelope {
	for _, env := range sent {
		if env.Session == session {
			queue = append(queue, env)
		}
	}
	return queue
}

func (s *scriptCluster) dial(shard int) {
	s.sessions++
	s.links[shard] = link{session: s.sessions}
	s.shards[shard].step(Opened{s.sessions})
}

func (s *scriptCluster) cut(shard int) {
	gone := s.links[shard].session
	s.links[shard] = link{}
	s.shards[shard].step(Closed{gone})
	s.c.carryOut(s.c.c.Step(Closed{gone}))
}

func (s *scriptCluster) crash(l line) {
	if l.words[0] != "c" {
		gone := s.links[l.shard(0)].session
		s.links[l.shard(0)] = link{}
		s.shards[l.shard(0)].do(l)
		s.c.carryOut(s.c.c.Step(Closed{gone}))
		return
	}
	for i := range s.links {
		s.shards[i].step(Closed{s.links[i].session})
		s.links[i] = link{}
	}
	s.c.do(l)
}

func (s *scriptCluster) deliver(l line) {
	if l.words[0] == "c" {
		s.toCoordinator(l.shard(1))
		return
	}
	s.toShard(l.shard(0))
}

func (s *scriptCluster) toCoordinator(shard int) {
	l := &s.links[shard]
	env := l.fromHere[0]
	l.fromHere = l.fromHere[1:]
	s.printf("c: from %d, %s", shard, s.message(env.Message))
	s.c.carryOut(s.c.c.Step(Received{env}))
}

func (s *scriptCluster) toShard(shard int) {
	l := &s.links[shard]
	env := l.toShard[0]
	l.toShard = l.toShard[1:]
	s.printf("%d: %s", shard, s.message(env.Message))
	s.shards[shard].step(Received{env})
}

// finish gives the result of an execution: block "a" adds 1 to the digest of
// shard 0 and 11 to that of shard 1, block "b" adds 2 and 12, and so on.
func (s *scriptCluster) finish(shard int, a AttemptID) {
	node := s.shards[shard]
	for i, x := range node.running {
		if x.Attempt != a {
			continue
		}
		node.running = append(node.running[:i:i], node.running[i+1:]...)
		r := Result{Delta: SumOf(smallDigest(uint64(s.blocks[x.Block][0]-'a') + 1 + 16*uint64(shard))), Outcomes: s.outcomes(shard, x)}
		s.printf("%d: executed %s", shard, a)
		node.step(Executed{Attempt: a, Result: r})
		return
	}
	s.printf("%d: %s is not running", shard, a)
}

func (s *scriptCluster) outcomes(shard int, x *Execute) Outcomes {
	part := s.c.known[x.Block].Parts[shard]
	o := NewOutcomes(len(part.Indexes))
	for i, executes := range part.Executes {
		if executes {
			_ = o.Set(i, OutcomeApplied)
		}
	}
	return o
}

// run goes round the nodes in order, one step each, until nothing moves.
func (s *scriptCluster) run() {
	for moved := true; moved; {
		moved = false
		s.collect()
		for i := range s.links {
			switch {
			case len(s.links[i].toShard) > 0:
				s.toShard(i)
			case len(s.shards[i].running) > 0:
				s.finish(i, s.shards[i].running[0].Attempt)
			case len(s.links[i].fromHere) > 0:
				s.toCoordinator(i)
			default:
				continue
			}
			moved = true
			s.collect()
		}
	}
}
