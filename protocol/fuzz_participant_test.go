package protocol

import (
	"testing"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzParticipant plays any sequence of events to a shard, whether or not a
// coordinator could send them, with crashes in between.
func FuzzParticipant(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add([]byte{})
	f.Fuzz(func(t testing.TB, script []byte) {
		if len(script) > 1024 {
			return
		}
		s := newFuzzedShard(t, &choices{script})
		for s.choices.more() && !s.over {
			s.act()
		}
		s.flush()
	})
}

// fuzzedShard is a participant with its disk, and what its coordinator would
// have to know to make sense.
type fuzzedShard struct {
	*choices
	p      *Participant
	disk   *shardDisk
	audit  *shardAudit
	opened Session
	epoch  Epoch // of the coordinator that makes sense
	number uint32
	all    Effects // of steps that are not carried out yet
	over   bool
}

var fuzzConfig = Config{Cluster: ClusterID{1}, Slots: EvenSlots(2), Limits: DefaultLimits()}

func newFuzzedShard(t testing.TB, c *choices) *fuzzedShard {
	disk := &shardDisk{}
	s := &fuzzedShard{choices: c, disk: disk, audit: newShardAudit(t, disk), epoch: 1}
	s.start(ShardState{})
	return s
}

func (s *fuzzedShard) start(from ShardState) {
	s.p = NewParticipant(Identity{Shard: 1, Directory: DirectoryID{7}, Address: "here"}, from)
}

func (s *fuzzedShard) act() {
	what := s.of(20)
	if !s.p.welcomed && what > 8 {
		what = 0 // else little would ever come of it
	}
	switch what {
	case 0:
		s.dial()
	case 1:
		s.receive(s.welcome())
	case 2, 3, 4:
		s.receive(s.execute())
	case 5, 6, 7, 8, 9:
		s.step(s.executed())
	case 10, 11, 12, 13:
		s.receive(s.commit())
	case 14:
		s.receive(Abort{s.attempt()})
	case 15:
		session := oneOf(s.choices, s.opened, s.opened, s.opened-1)
		delete(s.audit.open, session)
		s.step(Closed{session})
	case 16:
		s.step(Obstructed{oneOf(s.choices, "", "no space left")})
	case 17:
		s.checkpoint()
	case 18:
		s.restart()
	case 19:
		s.odd()
	}
}

// dial opens a session, and mostly it is welcomed.
func (s *fuzzedShard) dial() {
	s.opened++
	s.audit.open = map[Session]bool{s.opened: true} // one session at a time
	s.step(Opened{s.opened})
	if !s.rarely(8) {
		s.step(Received{Envelope{Session: s.opened, Epoch: s.epoch, Message: s.welcome()}})
	}
}

// odd is what seldom happens.
func (s *fuzzedShard) odd() {
	switch s.of(9) {
	case 0:
		s.epoch++
	case 1:
		s.step(Tick{})
	case 2:
		s.receive(Peers{})
	case 3:
		s.receive(Reject{Kind: oneOf(s.choices, RejectStale, RejectLostData), Reason: "no"})
	case 4:
		s.receive(oneOf[Message](s.choices, Ack{}, &Vote{}, &Hello{}, Quarantined{}))
	case 5:
		s.step(Checkpointed{Height(s.of(4))})
	case 6:
		s.flush()
	case 7:
		if s.rarely(8) {
			s.step(Damaged{"a page"})
		}
	case 8:
		s.step(Room{int64(s.of(64))})
	}
}

func (s *fuzzedShard) receive(m Message) {
	session, epoch := s.opened, s.epoch
	switch s.of(32) {
	case 29:
		session--
	case 30:
		epoch--
	case 31:
		epoch++
	}
	s.step(Received{Envelope{Session: session, Epoch: epoch, Message: m}})
}

func (s *fuzzedShard) step(ev Event) {
	if s.over {
		return
	}
	s.audit.event(ev)
	if x, ok := ev.(Executed); ok {
		delete(s.audit.running, x.Attempt)
	}
	before := s.p.Status()
	e, err := s.p.Step(ev)
	if err != nil {
		s.audit.quarantined(s.p, ev, e, err, before)
		s.over = true
		s.carryOut(before) // what earlier steps asked for is still owed
		return
	}
	s.audit.stepped(ev, e, before, s.p.Status())
	s.all.Join(e)
	if !s.rarely(4) {
		s.flush()
	}
}

func (s *fuzzedShard) flush() {
	if !s.over {
		s.carryOut(s.p.Status())
	}
}

func (s *fuzzedShard) carryOut(now ParticipantStatus) {
	e := s.all
	s.all = Effects{}
	s.audit.carriedOut(e, now)
}

func (s *fuzzedShard) welcome() Message {
	w := &Welcome{Config: fuzzConfig, Committed: s.p.committed.Height()}
	switch s.of(16) {
	case 13:
		w.Config.Cluster = ClusterID{2}
	case 14:
		w.Config.Slots = EvenSlots(1)
	case 15:
		w.Committed = Height(s.of(4))
	}
	return w
}

// attempt gives one that is held, or any other one.
func (s *fuzzedShard) attempt() AttemptID {
	if n := len(s.p.held); n > 0 && !s.rarely(4) {
		return s.p.held[s.of(n)].attempt
	}
	return AttemptID{
		Height:  oneOf(s.choices, s.p.committed.Height()+Height(s.of(4)), Height(s.of(3)), s.p.committed.Height()+maxHeld+1),
		Epoch:   oneOf(s.choices, s.epoch, s.epoch+1, s.epoch-1),
		Attempt: uint32(s.of(4)),
	}
}

// execute is the next attempt at some height, on what is held below it.
func (s *fuzzedShard) execute() Message {
	top := s.p.committed.Height() + Height(len(s.p.held)) + 1
	h := oneOf(s.choices, top, top, top, top, top, top-1, top-2, top+1)
	s.number++
	x := &Execute{Attempt: AttemptID{Height: h, Epoch: s.epoch, Attempt: s.number}, Parent: s.p.parentOf(h), SubBlock: EncodeSubBlock(nil)}
	switch s.of(16) {
	case 14:
		x.Attempt = s.attempt()
	case 15:
		x.Parent = s.attempt()
	}
	return x
}

// executed is the result of an execution that was asked for, or of another one.
func (s *fuzzedShard) executed() Event {
	s.flush()
	ev := Executed{Attempt: s.attempt(), Result: Result{Outcomes: NewOutcomes(1), Writes: EncodeWrites(nil)}}
	for _, h := range s.p.held {
		if h.phase == phaseExecuting {
			ev.Attempt = h.attempt
			break
		}
	}
	switch s.of(16) {
	case 13:
		ev.Failure = &Refusal{Reason: "a peer stays away", Retry: true}
	case 14:
		ev.Failure = &Refusal{Reason: "the machine panics"}
	case 15:
		ev.Attempt = s.attempt()
	default:
		ev.Delta = Sum{uint64(s.of(3))}
		_ = ev.Outcomes.Set(0, oneOf(s.choices, OutcomeApplied, OutcomeInvalid))
	}
	return ev
}

// commit is the decision of the lowest that is prepared, of what is committed,
// or of nothing that was ever prepared.
func (s *fuzzedShard) commit() Message {
	c := s.p.committed
	if len(s.p.held) > 0 && !s.rarely(8) {
		h := s.p.held[0]
		c = Committed{Attempt: h.attempt, Digest: h.vote.Digest, Root: Digest{9}}
		if h.phase != phasePrepared && !s.rarely(16) {
			c = s.p.committed
		}
	}
	switch s.of(64) {
	case 61:
		c.Digest[0]++
	case 62:
		c.Attempt = s.attempt()
	case 63:
		c.Root[0]++
	}
	return Commit{c}
}

// checkpoint makes what is committed durable in the database, and may trim the
// log behind it (S7).
func (s *fuzzedShard) checkpoint() {
	s.flush()
	s.disk.checkpoint(s.p.config, s.p.epoch, s.p.committed)
	if s.rarely(2) {
		s.disk.log.trim(s.of(s.disk.trimmable() + 1))
	}
	s.audit.add("checkpoint of height %d, %d records left", s.p.committed.Height(), len(s.disk.log.records))
	s.step(Checkpointed{s.p.committed.Height()})
}

// restart crashes the shard: what was not carried out never happened, and of
// what was not forced the log keeps the first few.
func (s *fuzzedShard) restart() {
	before := s.p.Status()
	s.disk.log.crash(s.of(s.disk.log.unforced() + 1))
	state, err := s.disk.recover(len(s.disk.log.records))
	if err != nil {
		s.audit.broken("replay", "%v", err)
	}
	s.audit.add("restart at height %d, %d prepared", state.Committed.Height(), len(state.Prepared))
	s.audit.restarted(state, before)
	s.all = Effects{}
	s.start(state)
}
