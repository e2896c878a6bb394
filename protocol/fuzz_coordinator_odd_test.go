package protocol

// odd is what no shard says, and what seldom happens.
func (f *fuzzedCoordinator) odd() {
	switch f.of(6) {
	case 0:
		f.strangeVote()
	case 1:
		f.receive(Quarantined{"damage"})
	case 2:
		f.receive(oneOf[Message](f.choices, Abort{}, &Execute{}, Commit{}, &Welcome{}, Peers{}, Reject{}))
	case 3:
		f.strangeHello()
	case 4:
		f.flush()
	case 5:
		if f.rarely(4) {
			f.step(Fenced{"somebody else"})
		} else {
			f.operate()
		}
	}
}

// strangeHello is a second one on a session, or one of a shard that has lost
// data, belongs elsewhere, or knows too much.
func (f *fuzzedCoordinator) strangeHello() {
	p := f.peer()
	m := p.hello()
	session := p.session
	if !f.rarely(4) || session == 0 {
		f.session++
		session = f.session
	}
	switch f.of(9) {
	case 1:
		m.Cluster = ClusterID{9}
	case 2:
		m.Directory = DirectoryID{byte(f.of(3))}
	case 3:
		m.Shard = ShardID(f.of(4))
	case 4:
		m.Prepared = m.Prepared[:len(m.Prepared)/2]
	case 5:
		m.Committed.Digest[0]++
	case 6:
		m.Committed.Attempt.Height += Height(f.of(3))
	case 7:
		m.Epoch += Epoch(f.of(3))
	case 8:
		m.Checkpointed += Height(f.of(3))
	}
	f.step(Received{Envelope{Session: session, Epoch: m.Epoch, Message: m}})
}

// strangeVote comes late, again, changed, or on an attempt that nobody made.
func (f *fuzzedCoordinator) strangeVote() {
	p := f.peer()
	height := f.c.height()
	v := &Vote{Attempt: AttemptID{
		Height:  height + 1 - min(height, Height(f.of(4))),
		Epoch:   f.c.epoch + 1 - min(f.c.epoch, Epoch(f.of(3))),
		Attempt: uint32(f.of(3)),
	}}
	if n := len(p.said); n > 0 && !f.rarely(4) {
		*v = p.said[n-1-f.of(min(n, 8))]
	}
	switch f.of(8) {
	case 1:
		v.Yes = !v.Yes
	case 2:
		v.Digest[3]++
	case 3:
		v.Outcomes = NewOutcomes(f.of(4))
	case 4:
		v.Refusal = Refusal{Reason: "no", Retry: f.rarely(2)}
	}
	f.step(Received{Envelope{Session: p.session, Epoch: f.c.epoch, Message: v}})
}

// operate has an operator ask for something (C10).
func (f *fuzzedCoordinator) operate() {
	f.waiter++
	ev := Resolve{
		Waiter: f.waiter, Action: ResolveAction(1 + f.of(3)), By: "somebody", DryRun: f.rarely(4),
		Key: oneOf(f.choices, "a", "b", "c", "d", "e", "f", "g", "h"), Height: Height(f.of(4)),
	}
	if b := f.c.blocks; len(b) > 0 && !f.rarely(8) {
		p := b[f.of(len(b))]
		ev.Key, ev.Attempt = p.block.Key, p.attempt
	}
	f.step(ev)
}
