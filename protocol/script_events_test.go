package protocol

import "fmt"

// event reads an event:
//
//	resync|retry|withdraw w1 key … (resolve)
//	tick 20ms | submit w1 key [after=key [after-content=x]] [deadline=1s] [checked=1] … | kept height=1 | fenced: reason
//	closed s1 | hello s1 shard=0 … | yes s1 1/1.1 =5 [applied] | no s1 1/1.1 [retry]: reason
//	ack s1 committed=1 checkpointed=0 | quarantined s1: reason | commit s1
func (s *scriptCoordinator) event(l line) Event {
	switch l.verb {
	case "tick":
		s.now = s.now.Add(parseDuration(l.words[0]))
		return Tick{s.now}
	case "submit":
		ev := Submitted{Block: s.block(l.words[0], l), Waiter: l.waiter, After: l.string("after", ""), Checked: Height(l.int("checked", int(s.c.kept)))}
		if content, ok := l.options["after-content"]; ok {
			ev.AfterID = BlockID(ev.After, []byte(content))
		}
		if d := l.duration("deadline"); d > 0 {
			ev.Deadline = s.now.Add(d)
		}
		return ev
	case "resync", "retry", "withdraw":
		return s.resolve(l)
	case "kept":
		return HistoryKept{Height(l.int("height", 0))}
	case "fenced":
		return Fenced{l.reason}
	case "closed":
		return Closed{l.session}
	}
	if m := s.received(l); m != nil {
		env := Envelope{Session: l.session, Epoch: s.c.epoch, Message: m}
		if l.epoch != nil {
			env.Epoch = *l.epoch
		}
		return Received{env}
	}
	return nil
}

func (s *scriptCoordinator) received(l line) Message {
	switch l.verb {
	case "hello":
		return s.hello(l)
	case "yes":
		v := &Vote{Attempt: l.attempt(), Yes: true, Digest: l.digest, Outcomes: parseOutcomes("[applied]")}
		if l.outcomes != nil {
			v.Outcomes = *l.outcomes
		}
		return v
	case "names": // a yes with 200 different outcomes
		v := &Vote{Attempt: l.attempt(), Yes: true, Digest: l.digest, Outcomes: NewOutcomes(200)}
		for i := range v.Outcomes.Codes {
			_ = v.Outcomes.Set(i, fmt.Sprintf("outcome%d", l.int("from", 0)+i))
		}
		return v
	case "no":
		return &Vote{Attempt: l.attempt(), Refusal: Refusal{Reason: l.reason, Retry: l.has("retry")}}
	case "ack":
		return Ack{Committed: Height(l.int("committed", 0)), Checkpointed: Height(l.int("checkpointed", 0))}
	case "quarantined":
		return Quarantined{l.reason}
	case "commit":
		return Commit{}
	}
	return nil
}

// hello reads a Hello of a shard that was welcomed before, unless it is "new":
//
//	hello s1 shard=0 [new] [cluster=c1] [shards=2] [dir=dir0] [address=x] e1
//	      [committed=2] [checkpointed=1] [digest=9] [prepared=3/1.1=5;4/1.1=6]
//
// committed=2 stands for what the decision of height 2 says.
func (s *scriptCoordinator) hello(l line) *Hello {
	shard := l.int("shard", 0)
	m := &Hello{
		Shard: ShardID(shard), Directory: DirectoryID(named(l.string("dir", fmt.Sprintf("dir%d", shard)))),
		Address: l.string("address", fmt.Sprintf("shard%d:1", shard)), Checkpointed: Height(l.int("checkpointed", 0)),
	}
	if !l.has("new") {
		m.Cluster, m.Shards, m.Epoch = ClusterID(named(l.string("cluster", "c1"))), l.int("shards", s.config.Shards()), s.c.epoch
	}
	if l.epoch != nil {
		m.Epoch = *l.epoch
	}
	if p, ok := l.options["prepared"]; ok {
		m.Prepared = parseVotes(p)
	}
	if h := Height(l.int("committed", 0)); h > 0 {
		m.Committed = Committed{Attempt: AttemptID{Height: h, Epoch: 1, Attempt: 1}}
		if d := s.decided[h]; d != nil {
			m.Committed = d.CommittedOn(m.Shard)
		}
	}
	if d, ok := l.options["digest"]; ok {
		m.Committed.Digest = parseDigest(d)
	}
	return m
}
