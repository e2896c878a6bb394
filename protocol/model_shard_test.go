package protocol

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
)

// modelShard is a shard node: a participant, its disk, and an executor whose
// whole state is one number under one key.
type modelShard struct {
	world    *world
	identity Identity
	shardDisk
	databaseValue uint64

	p       *Participant // nil while it is down
	value   uint64       // committed
	staged  map[AttemptID]uint64
	applied []modelPoint // since the checkpoint
	running []*Execute
	late    []Executed // results of executions that were dropped
	lied    bool       // its disk has lost what it had forced (lyingDisk)

	durable      ShardState // what a restart would find
	durableValid bool
}

type modelPoint struct {
	committed Committed
	value     uint64
}

var modelKey = []byte("number")

// after is the number that a block makes of another.
func after(value uint64, block Digest) uint64 {
	h := fnv.New64a()
	h.Write(binary.BigEndian.AppendUint64(nil, value))
	h.Write(block[:])
	return h.Sum64() | 1
}

// stateSum is the state digest of a shard that holds the number; 0 is no key.
func stateSum(value uint64) Sum {
	if value == 0 {
		return Sum{}
	}
	return PairSum(modelKey, binary.BigEndian.AppendUint64(nil, value))
}

func modelWrites(value uint64) []byte {
	return EncodeWrites([]WriteOp{{Key: modelKey, Value: binary.BigEndian.AppendUint64(nil, value)}})
}

func (s *modelShard) valueIn(writes []byte) uint64 {
	ops, err := DecodeWrites(writes)
	if err != nil || len(ops) != 1 {
		s.world.fail("shard %d: writes in its log: %v", s.identity.Shard, err)
	}
	return binary.BigEndian.Uint64(ops[0].Value)
}

// wrong is called where a shard turns out to have lost its data, or to be in
// conflict with the others. That must never be, unless its disk has lied.
func (s *modelShard) wrong(format string, args ...any) {
	if s.lied {
		panic(noticed{})
	}
	s.world.fail("shard %d "+format, append([]any{s.identity.Shard}, args...)...)
}

func (s *modelShard) start() {
	state, err := s.recover(len(s.log.records))
	if err != nil {
		s.wrong("does not start: %v", err)
	}
	s.value, s.applied, s.running, s.late = s.databaseValue, nil, nil, nil
	s.staged = map[AttemptID]uint64{}
	for _, r := range state.Replayed {
		s.value = s.valueIn(r.Prepared.Writes)
		s.applied = append(s.applied, modelPoint{r.Committed, s.value})
	}
	for _, p := range state.Prepared {
		s.staged[p.Attempt] = s.valueIn(p.Writes)
	}
	if s.world.mistake == forgetEpoch {
		state.Epoch = 0
	}
	s.p = NewParticipant(s.identity, state)
}

// crash loses what was not forced, or the first few of it.
func (s *modelShard) crash() {
	if s.p == nil {
		return
	}
	s.world.trace("shard %d: crash", s.identity.Shard)
	s.p, s.durableValid = nil, false
	s.log.crash(s.world.rng.IntN(s.log.unforced() + 1))
	if n := len(s.log.records); s.world.mistake == lyingDisk && n > 0 && s.world.chance(30) {
		s.lied = true
		s.log.records = s.log.records[:n-1-s.world.rng.IntN(min(n, 4))]
		s.log.force()
	}
	for _, l := range s.world.links {
		if l.shard == s {
			l.cutNow(s.world)
			l.shardTold = true
		}
	}
}

// finish ends one execution.
func (s *modelShard) finish() bool {
	if s.p == nil {
		return false
	}
	if len(s.late) > 0 && s.world.chance(20) {
		ev := s.late[0]
		s.late = s.late[1:]
		s.stage(ev)
		s.world.step(s, ev)
		return true
	}
	for i, x := range s.running {
		ev, ok := s.result(x)
		if !ok || (len(s.running) > i+1 && s.world.chance(30)) {
			continue
		}
		s.running = slices.Delete(s.running, i, i+1)
		s.stage(ev)
		s.world.step(s, ev)
		return true
	}
	return false
}

func (s *modelShard) stage(ev Executed) {
	if ev.Failure == nil {
		s.staged[ev.Attempt] = s.valueIn(ev.Writes)
	}
}

// result executes, if the parent's number is known. The parent may still be
// running: results may come in any order.
func (s *modelShard) result(x *Execute) (Executed, bool) {
	before, ok := s.numberAfter(x.Parent)
	if !ok {
		return Executed{}, false
	}
	block := s.world.clients.blocks[x.Block]
	if block.poison {
		return Executed{Attempt: x.Attempt, Failure: &Refusal{Reason: "the machine panicked"}}, true
	}
	value := after(before, x.Block)
	return Executed{Attempt: x.Attempt, Result: Result{
		Delta: stateSum(value).Sub(stateSum(before)), Outcomes: block.outcomes(), Writes: modelWrites(value),
	}}, true
}

func (s *modelShard) numberAfter(a AttemptID) (uint64, bool) {
	if a == s.p.committed.Attempt {
		return s.value, true
	}
	if value, ok := s.staged[a]; ok {
		return value, true
	}
	for _, x := range s.running {
		if x.Attempt == a {
			before, ok := s.numberAfter(x.Parent)
			return after(before, x.Block), ok
		}
	}
	return 0, false
}

// fail refuses an execution, for now.
func (s *modelShard) fail() {
	if s.p == nil || len(s.running) == 0 {
		return
	}
	x := s.running[0]
	s.running = s.running[1:]
	s.world.step(s, Executed{Attempt: x.Attempt, Failure: &Refusal{Reason: "a peer stays away", Retry: true}})
}

func (s *modelShard) obstruct() {
	if s.p == nil {
		return
	}
	if s.p.obstructed == "" {
		s.world.step(s, Obstructed{"no space"})
		return
	}
	s.world.step(s, Obstructed{})
}

// checkpoint moves some of what is committed into the database, and trims.
func (s *modelShard) checkpoint() {
	if s.p == nil || len(s.applied) == 0 {
		return
	}
	n := 1 + s.world.rng.IntN(len(s.applied))
	to := s.applied[n-1]
	s.shardDisk.checkpoint(s.p.config, s.p.epoch, to.committed)
	s.databaseValue, s.applied, s.durableValid = to.value, s.applied[n:], false
	s.world.trace("shard %d: checkpoint at %d", s.identity.Shard, to.committed.Height())
	most := s.trimmable()
	if s.world.mistake == trimPrepared {
		most = len(s.log.records)
	}
	s.log.trim(s.world.rng.IntN(most + 1))
	s.world.step(s, Checkpointed{to.committed.Height()})
}

// carryOut does what a node does, in field order. It reports false if the node
// crashed on the way.
func (s *modelShard) carryOut(e Effects) {
	w := s.world
	torn := w.chance(w.faults) && w.chance(5)
	s.log.append(e.Persist, e.Force && !torn && w.mistake != voteBeforeForce)
	s.durableValid = false
	if torn || (w.chance(w.faults) && w.chance(10)) {
		s.crash() // in the middle of writing, or right after it
		return
	}
	for _, a := range e.Drop {
		s.drop(a)
	}
	for _, c := range e.Apply {
		s.apply(c)
	}
	for _, env := range e.Send {
		w.toCoordinator(env)
	}
	s.running = append(s.running, e.Execute...)
	for _, c := range e.Close {
		if l := w.link(c.Session); l != nil {
			l.cutNow(w)
			l.shardTold = true
		}
	}
}

// drop forgets everything at the height and above. What ran goes on in the
// background now and then, and comes too late.
func (s *modelShard) drop(from AttemptID) {
	var rest []*Execute
	for _, x := range s.running {
		if x.Attempt.Height < from.Height {
			rest = append(rest, x)
			continue
		}
		if ev, ok := s.result(x); ok && s.world.chance(30) {
			s.late = append(s.late, ev)
		}
	}
	s.running = rest
	for a := range s.staged {
		if a.Height >= from.Height {
			delete(s.staged, a)
		}
	}
}

func (s *modelShard) apply(c Committed) {
	value, ok := s.staged[c.Attempt]
	if !ok {
		s.world.fail("invariant 3: shard %d applies attempt %s, whose writes it does not hold", s.identity.Shard, c.Attempt)
	}
	delete(s.staged, c.Attempt)
	s.value = value
	s.applied = append(s.applied, modelPoint{c, value})
	s.world.trace("shard %d: applies %s", s.identity.Shard, c.Attempt)
}
