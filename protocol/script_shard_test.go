package protocol

import "time"

// scriptShard drives a participant with a disk.
type scriptShard struct {
	*printer
	identity Identity
	config   Config
	disk     shardDisk
	p        *Participant
	sender   Epoch       // of the coordinator, if a line does not say
	applied  []Committed // by height, from 1
	sent     []Envelope
	running  []*Execute
}

func newScriptShard(p *printer, args line) *scriptShard {
	return &scriptShard{
		printer: p, identity: testIdentity(args.int("id", 0)), sender: 1,
		config: testConfig(args.string("cluster", "c1"), args.int("shards", 2)),
	}
}

func (s *scriptShard) start(contents []line) {
	for _, l := range contents {
		if l.verb == "database" {
			s.disk.database = ShardState{Config: s.config, Epoch: *l.epoch, Committed: Committed{Attempt: l.attempt(), Digest: l.digest}}
			continue
		}
		s.disk.log.append([]Record{s.record(l)}, true)
	}
	s.restart()
}

// record reads a record of the shard's log:
//
//	adopted [cluster=c1] | epoch e2 | prepared 1/1.1 none =5 [applied] | committed 1/1.1 =5
func (s *scriptShard) record(l line) Record {
	switch l.verb {
	case "adopted":
		return Adopted{testConfig(l.string("cluster", "c1"), s.config.Shards())}
	case "epoch":
		return EpochSeen{*l.epoch}
	case "prepared":
		p := &Prepared{Attempt: l.attempt(), Parent: l.parent(), Digest: l.digest}
		if l.outcomes != nil {
			p.Outcomes = *l.outcomes
		}
		return p
	case "committed":
		return CommittedRecord{Committed{Attempt: l.attempt(), Digest: l.digest}}
	case "created":
		return Created{s.config}
	}
	panic("unknown record " + l.text)
}

func (s *scriptShard) restart() {
	s.p, s.running = nil, nil
	state, err := s.disk.recover(len(s.disk.log.records))
	if err != nil {
		s.printf("does not start: %v", err)
		return
	}
	for _, r := range state.Replayed {
		s.printf("replayed %s", committedText(r.Committed))
	}
	s.p = NewParticipant(s.identity, state)
	s.participant(s.p.Status())
}

func (s *scriptShard) do(l line) bool {
	if s.node(l) {
		return true
	}
	ev := s.event(l)
	if ev == nil {
		return false
	}
	s.step(ev)
	return true
}

// node carries out what is no event of the machine:
//
//	status
//	crash [keep=1]        all but the first unforced records are lost
//	checkpoint [height=1] [trim]   everything committed, or up to a height
//	log                   prints the log
func (s *scriptShard) node(l line) bool {
	switch l.verb {
	case "status":
		s.participant(s.p.Status())
	case "crash":
		s.disk.log.crash(l.int("keep", 0))
		s.restart()
	case "checkpoint":
		s.checkpoint(l)
	case "log":
		for i, r := range s.disk.log.records {
			mark := ""
			if i >= s.disk.log.forced {
				mark = " (not forced)"
			}
			s.printf("  %s%s", s.printer.record(r.decode()), mark)
		}
	default:
		return false
	}
	return true
}

func (s *scriptShard) checkpoint(l line) {
	to := s.p.committed
	if h := l.int("height", 0); h > 0 {
		to = s.applied[h-1]
	}
	s.disk.checkpoint(s.p.config, s.p.epoch, to)
	if l.has("trim") {
		s.disk.log.trim(s.disk.trimmable())
	}
	s.step(Checkpointed{to.Height()})
}

// event reads an event:
//
//	open s1 | closed s1 | tick | obstructed: reason (none: free again) | room bytes=9
//	welcome e1 decided=0 | execute 1/1.1 none block=a | commit 1/1.1 =5 | abort 1/1.1
//	reject kind=3: reason | peers | ack
//	executed 1/1.1 +5 [applied] pushed=9 | failed 1/1.1 [retry]: reason
func (s *scriptShard) event(l line) Event {
	switch l.verb {
	case "open":
		return Opened{l.session}
	case "closed":
		return Closed{s.session(l)}
	case "tick":
		return Tick{time.Unix(1, 0)}
	case "obstructed":
		return Obstructed{l.reason}
	case "room":
		return Room{int64(l.int("bytes", 0))}
	case "executed":
		r := Result{Delta: l.delta, Outcomes: parseOutcomes("[applied]"), Writes: EncodeWrites(nil), Pushed: make([]byte, l.int("pushed", 0))}
		if l.outcomes != nil {
			r.Outcomes = *l.outcomes
		}
		return Executed{Attempt: l.attempt(), Result: r}
	case "failed":
		return Executed{Attempt: l.attempt(), Failure: &Refusal{Reason: l.reason, Retry: l.has("retry")}}
	}
	if m := s.received(l); m != nil {
		return Received{Envelope{Session: s.session(l), Epoch: s.epoch(l), Message: m}}
	}
	return nil
}

func (s *scriptShard) session(l line) Session {
	if l.session != 0 {
		return l.session
	}
	return s.p.session
}

func (s *scriptShard) epoch(l line) Epoch {
	if l.epoch != nil {
		s.sender = *l.epoch
	}
	return s.sender
}

func (s *scriptShard) received(l line) Message {
	switch l.verb {
	case "welcome":
		config := testConfig(l.string("cluster", "c1"), l.int("shards", s.config.Shards()))
		return &Welcome{Config: config, Committed: Height(l.int("decided", 0))}
	case "execute":
		name := l.string("block", "a")
		id := BlockID(name, nil)
		s.blocks[id] = name
		return &Execute{Attempt: l.attempt(), Parent: l.parent(), Block: id}
	case "commit":
		return Commit{Committed{Attempt: l.attempt(), Digest: l.digest, Root: parseDigest(l.string("root", "0"))}}
	case "abort":
		return Abort{l.attempt()}
	case "reject":
		return Reject{Kind: RejectKind(l.int("kind", 1)), Reason: l.reason}
	case "peers":
		return Peers{}
	case "ack":
		return Ack{}
	}
	return nil
}

func (s *scriptShard) step(ev Event) {
	e, err := s.p.Step(ev)
	s.effects(e, err)
	s.disk.log.append(e.Persist, e.Force)
	s.applied = append(s.applied, e.Apply...)
	s.sent = append(s.sent, e.Send...)
	for _, a := range e.Drop {
		s.running = dropRunning(s.running, a)
	}
	s.running = append(s.running, e.Execute...)
}

func dropRunning(running []*Execute, from AttemptID) (rest []*Execute) {
	for _, x := range running {
		if x.Attempt.Height < from.Height {
			rest = append(rest, x)
		}
	}
	return rest
}
