package sim

import (
	"bytes"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// violation is what a check panics with.
type violation struct{ invariant, text string }

// fail ends the run: an invariant is broken. It does not return; the result is
// for callers that return an error.
func (w *world) fail(invariant, format string, args ...any) error {
	panic(violation{invariant, fmt.Sprintf(format, args...)})
}

// check is fail, if the condition does not hold.
func (w *world) check(holds bool, invariant, format string, args ...any) {
	if !holds {
		_ = w.fail(invariant, format, args...)
	}
}

// decided is a decision with what the observer needs to know of it.
type decided struct {
	*protocol.Decision
	changed [][]byte // keys whose value is another than below
}

// decision gives what is decided at a height, or nil.
func (w *world) decision(h protocol.Height) *decided {
	if h == 0 || int(h) > len(w.decided) {
		return nil
	}
	return &w.decided[h-1]
}

func (w *world) height() protocol.Height { return protocol.Height(len(w.decided)) }

// checkDecision checks a decision at the moment it becomes durable.
func (w *world) checkDecision(d *protocol.Decision) {
	h := w.height() + 1
	w.trace.note("observer", "decided", uint64(d.Height()), uint64(d.Attempt.Epoch), uint64(d.Attempt.Attempt))
	w.trace.say("observer", "block %q is decided as %s", d.Key, d.Attempt)
	w.check(d.Height() == h, "5 order", "height %d is decided, %d was expected", d.Height(), h)
	below, root := protocol.AttemptID{}, protocol.Digest{}
	if last := w.decision(h - 1); last != nil {
		below, root = last.Attempt, last.Root
	}
	w.check(d.Parent == below, "1 agreement", "attempt %s builds on %s, decided below it is %s", d.Attempt, d.Parent, below)
	w.check(d.Root == protocol.ChainRoot(root, h, d.Block, d.Digests), "1 agreement", "the root of height %d is wrong", h)
	_, twice := w.keys[d.Key]
	w.check(!twice, "1 agreement", "block %q is decided twice (C3)", d.Key)
	b := w.wanted(d)
	w.check(b != nil, "3 durability", "block %q is decided as %s, but nobody asks for it any more: its clients were told that it is not committed (C5)", d.Key, d.Attempt)
	_, before := w.keys[b.after]
	w.check(b.after == "" || before, "5 order", "block %q is decided before block %q, which it comes after (C9)", b.key, b.after)
	outcomes, changed, err := w.reference.next(b.transactions)
	w.check(err == nil, "6 determinism", "block %q is decided, but a sequential run cannot execute it: %v", d.Key, err)
	w.check(outcomes.Equal(d.Outcomes), "6 determinism", "the outcomes of height %d differ from a sequential run", h)
	for _, s := range w.shards {
		w.check(d.Digests[s.id] == w.reference.digest(s.id), "6 determinism", "the digest of shard %d at height %d differs from a sequential run", s.id, h)
		p := s.promised().prepared(d.Attempt)
		w.check(p != nil && p.Digest == d.Digests[s.id], "2 validity", "attempt %s is decided, but the record of shard %d is not durable", d.Attempt, s.id)
	}
	w.decided = append(w.decided, decided{d, changed})
	w.keys[d.Key] = h
}

// wanted gives the content of a decided block, if some client still asks for
// it, or may believe so.
func (w *world) wanted(d *protocol.Decision) *content {
	for _, s := range w.asked[d.Key] {
		if !s.closed && s.content.id == d.Block {
			return s.content
		}
	}
	return nil
}

// checkAnswer checks that a client is told the truth.
func (w *world) checkAnswer(p *coordinatorProcess, s *submission, a protocol.Answer) {
	key := s.content.key
	at, done := w.keys[key]
	switch a.Verdict {
	case protocol.VerdictCommitted:
		w.check(done && w.decided[at-1].Block == s.content.id && sameDecision(w.decided[at-1].Decision, a.Decision), "3 durability",
			"the client of block %q is told that it is committed, and it is not", key)
	case protocol.VerdictAborted, protocol.VerdictRejected:
		w.check(!done, "3 durability", "the client of block %q is told that it is not committed, and it is (C5)", key)
		w.check(a.Verdict == protocol.VerdictRejected || s.expired() || s.content.after != "" || w.givenUp[key], "client", "the client of block %q is told aborted before its deadline", key)
		w.check(p.log.owns(), "1 agreement", "%s does not own the log, and tells the client of block %q that it is not committed (C1)", p.name, key)
		w.closeAsks(p, key, s)
	case protocol.VerdictConflict:
		w.check(w.hasAnother(p, s.content), "client", "the client of block %q is told of a conflict, but there is none", key)
		s.closed = true
	case protocol.VerdictOverloaded, protocol.VerdictRecheck:
		s.closed = true
	case protocol.VerdictEarly:
		_, before := w.keys[s.content.after]
		w.check(!before, "3 durability", "the client of block %q is told that block %q is not committed, and it is (C9)", key, s.content.after)
		s.closed = true
	default:
		_ = w.fail("client", "the client of block %q gets verdict %d", key, a.Verdict)
	}
}

// closeAsks notes that a block was withdrawn: nobody asks for it any more, but for
// those whose request was not taken up before. withdrawn is the one whose client is
// told; nil if it is an operator.
func (w *world) closeAsks(p *coordinatorProcess, key string, withdrawn *submission) {
	for _, s := range w.asked[key] {
		later := s.process == p && !p.dead && (s.pass == 0 || s.pass == p.handled)
		if s == withdrawn || !later {
			s.closed = true
		}
	}
}

// hasAnother reports whether another block is decided under a key, or may be
// pending at a coordinator.
func (w *world) hasAnother(p *coordinatorProcess, c *content) bool {
	if at, done := w.keys[c.key]; done {
		return w.decided[at-1].Block != c.id
	}
	for _, s := range w.asked[c.key] {
		if s.content.id != c.id && (!s.closed || s.process == p) {
			return true
		}
	}
	return false
}

// checkFound checks what a coordinator says of a key before it takes a block up.
func (w *world) checkFound(p *coordinatorProcess, b *content, d *protocol.Decision) {
	at, done := w.keys[b.key]
	w.check(done && sameDecision(w.decided[at-1].Decision, d), "3 durability", "%s finds block %q at height %d, where it is not decided", p.name, b.key, d.Height())
	w.count("found decided")
}

func sameDecision(a, b *protocol.Decision) bool {
	return b != nil && bytes.Equal(protocol.EncodeRecord(a), protocol.EncodeRecord(b))
}

// checkSent checks what a shard says at the moment it says it.
func (w *world) checkSent(p *shardProcess, env protocol.Envelope) {
	known := p.shard.disk.state
	w.check(env.Epoch <= known.Epoch, "1 agreement", "%s speaks of epoch %d, durable is %d (S5)", p.name, env.Epoch, known.Epoch)
	switch m := env.Message.(type) {
	case *protocol.Vote:
		if m.Yes {
			w.checkPromise(p.shard, m)
		} else {
			w.count("votes refused")
			w.checkRefusal(p, m)
		}
	case *protocol.Hello:
		for i := range m.Prepared {
			w.checkPromise(p.shard, &m.Prepared[i])
		}
		if len(m.Prepared) > 0 {
			w.count("resyncs with held attempts")
		}
	case protocol.Ack:
		w.check(m.Checkpointed <= p.store.Checkpoint().Height(), "3 durability", "%s says that height %d is in its database, where %d is", p.name, m.Checkpointed, p.store.Checkpoint().Height())
	case protocol.Quarantined:
		w.check(p.old, "quarantine", "%s is quarantined: %s", p.name, m.Reason)
	}
}

// checkPromise: a yes is sent after its record is forced (S1). One that is said
// again in the step that commits its attempt may find it committed durably.
func (w *world) checkPromise(s *shard, v *protocol.Vote) {
	if h := v.Attempt.Height; h <= s.disk.state.Committed.Height() {
		d := w.decision(h)
		w.check(d != nil && d.Attempt == v.Attempt && d.Digests[s.id] == v.Digest, "3 durability", "shard %d votes yes on %s, where its disk has another commit (S1)", s.id, v.Attempt)
		return
	}
	p := s.disk.prepared(v.Attempt)
	w.check(p != nil && p.Digest == v.Digest && p.Outcomes.Equal(v.Outcomes), "3 durability", "shard %d votes yes on %s before that is durable (S1)", s.id, v.Attempt)
}
