package protocol

import (
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/tests/fuzz"
)

// FuzzCoordinator plays any sequence of events to a coordinator of two shards,
// with crashes and new incarnations in between. Most of what its shards say
// makes sense, or nothing would ever be decided.
func FuzzCoordinator(ff *testing.F) {
	f := fuzz.New(ff)
	f.Add([]byte{})
	f.Fuzz(func(t testing.TB, script []byte) {
		if len(script) > 1024 {
			return
		}
		c := newFuzzedCoordinator(t, &choices{script})
		for c.choices.more() && !c.over {
			c.act()
		}
		c.flush()
	})
}

// fuzzedCoordinator is a coordinator with its disk, its shards and its clients.
type fuzzedCoordinator struct {
	*choices
	c       *Coordinator
	disk    *coordinatorDisk
	audit   *coordinatorAudit
	peers   []*fuzzedPeer
	blocks  map[Digest]*Block
	session Session // the last that was opened
	waiter  Waiter
	now     time.Time
	all     Effects
	over    bool // quarantined: nothing can follow
}

func newFuzzedCoordinator(t testing.TB, c *choices) *fuzzedCoordinator {
	disk := &coordinatorDisk{snapshot: DecisionLog{Config: fuzzConfig}}
	blocks := map[Digest]*Block{}
	f := &fuzzedCoordinator{
		choices: c, disk: disk, blocks: blocks, audit: newCoordinatorAudit(t, disk, blocks),
		peers: []*fuzzedPeer{{shard: 0}, {shard: 1}}, now: time.Unix(1, 0),
	}
	f.start()
	return f
}

// start begins an incarnation on what the log has.
func (f *fuzzedCoordinator) start() {
	state, err := f.disk.recover()
	if err != nil {
		f.audit.broken("replay", "%v", err)
	}
	var pending []*Block
	for _, p := range state.Pending {
		pending = append(pending, f.blocks[p.Block])
	}
	epoch := state.Epoch + 1
	c, first, err := NewCoordinator(state, epoch, pending, CoordinatorOptions{Window: 3, QueueBlocks: 5})
	if err != nil {
		f.audit.broken("C6", "%v", err)
	}
	f.audit.add("epoch %d begins with %d decided, %d pending", epoch, len(f.audit.decided), len(pending))
	f.audit.restarted(epoch, state)
	f.c, f.all = c, Effects{}
	for _, p := range f.peers {
		p.session = 0
	}
	f.takes(nil, first)
	f.flush()
	f.step(Tick{f.now})
}

func (f *fuzzedCoordinator) act() {
	switch f.of(16) {
	case 0, 1, 2:
		f.submit()
	case 3:
		f.hello()
	case 4, 5, 6, 7, 8, 9:
		f.vote()
	case 10:
		f.receive(f.ack())
	case 11:
		f.now = f.now.Add(time.Duration(f.of(40)) * 50 * time.Millisecond)
		f.step(Tick{f.now})
	case 12:
		f.step(Closed{oneOf(f.choices, f.peer().session, f.session, f.session-1)})
	case 13:
		f.keep()
	case 14:
		f.restart()
	case 15:
		f.odd()
	}
}

func (f *fuzzedCoordinator) peer() *fuzzedPeer { return f.peers[f.of(len(f.peers))] }

func (f *fuzzedCoordinator) receive(m Message) {
	p := f.peer()
	epoch := oneOf(f.choices, f.c.epoch, f.c.epoch, f.c.epoch, f.c.epoch, f.c.epoch, f.c.epoch, f.c.epoch-1, f.c.epoch+1)
	f.step(Received{Envelope{Session: oneOf(f.choices, p.session, p.session, p.session, f.session-1), Epoch: epoch, Message: m}})
}

func (f *fuzzedCoordinator) step(ev Event) {
	if f.over {
		return
	}
	f.audit.event(ev)
	f.audit.hears(ev)
	e, err := f.c.Step(ev)
	if err != nil {
		f.audit.quarantined(f.c, e, err)
		f.over = true
		return
	}
	f.takes(ev, e)
	if e.StepDown != "" {
		f.flush()
		f.audit.silent(f.c, ev)
		f.start()
		return
	}
	if !f.rarely(4) {
		f.flush()
	}
}

// takes checks the effects of a step, and tells the shards what they will hear.
func (f *fuzzedCoordinator) takes(ev Event, e Effects) {
	f.audit.stepped(ev, e)
	for _, env := range e.Send {
		for _, p := range f.peers {
			if p.session == env.Session {
				p.told(env.Message, env.Epoch)
			}
		}
	}
	f.all.Join(e)
}

func (f *fuzzedCoordinator) flush() {
	e := f.all
	f.all = Effects{}
	f.audit.carriedOut(f.c, e)
}

// submit brings one of a few blocks, under one of fewer keys. As a node does,
// it looks the key up in the history before.
func (f *fuzzedCoordinator) submit() {
	key := oneOf(f.choices, "a", "b", "c", "d", "e", "f", "g", "h")
	drawn := f.of(256)
	b := f.block(key, []byte{byte(drawn % 8 / 7)})
	checked := f.c.kept - min(f.c.kept, Height(f.of(4)/3))
	if h := f.audit.keys[key]; h != 0 && h <= checked {
		return
	}
	ev := Submitted{Block: b, Checked: checked, After: f.after(key, drawn, checked)}
	if !f.rarely(8) {
		f.waiter++
		ev.Waiter = f.waiter
	}
	if f.rarely(2) {
		ev.Deadline = f.now.Add(time.Duration(f.of(4)) * time.Second)
	}
	f.step(ev)
}

// after names a predecessor for half of the blocks. What the history holds is
// left out.
func (f *fuzzedCoordinator) after(key string, drawn int, checked Height) string {
	after := string(rune('a' + drawn/8%8))
	if h := f.audit.keys[after]; drawn < 128 || after == key || (h != 0 && h <= checked) {
		return ""
	}
	return after
}

// block has three transactions: one of shard 0, one of shard 1, and one that
// both execute.
func (f *fuzzedCoordinator) block(key string, body []byte) *Block {
	id := BlockID(key, body)
	if f.blocks[id] == nil {
		f.blocks[id] = &Block{Key: key, ID: id, Body: body, Transactions: 3, Parts: []Part{
			{Indexes: []uint32{0, 2}, Executes: []bool{true, true}},
			{Indexes: []uint32{0, 1, 2}, Executes: []bool{false, true, true}},
		}}
	}
	return f.blocks[id]
}

// hello opens a new session of a shard that says the truth.
func (f *fuzzedCoordinator) hello() {
	p := f.peer()
	f.session++
	p.session = f.session
	f.step(Received{Envelope{Session: p.session, Epoch: p.epoch, Message: p.hello()}})
}

// vote answers the lowest attempt that a shard was asked for.
func (f *fuzzedCoordinator) vote() {
	p := f.peer()
	if p.session == 0 || len(p.asked) == 0 {
		f.hello()
		return
	}
	x := p.asked[0]
	var m Message
	if f.rarely(8) {
		p.forget(x.Attempt.Height)
		m = &Vote{Attempt: x.Attempt, Refusal: Refusal{Reason: "no", Retry: !f.rarely(4)}}
	} else if v := p.prepare(f.blocks[x.Block], oneOf(f.choices, OutcomeApplied, OutcomeApplied, OutcomeApplied, OutcomeApplied, OutcomeApplied, OutcomeApplied, OutcomeApplied, OutcomeInvalid)); v != nil {
		m = v
	} else {
		return
	}
	f.step(Received{Envelope{Session: p.session, Epoch: f.c.epoch, Message: m}})
}

func (f *fuzzedCoordinator) ack() Message {
	p := f.peer()
	if !f.rarely(4) {
		p.durable = p.committed.Height()
		return Ack{Committed: p.committed.Height(), Checkpointed: p.durable}
	}
	return Ack{Committed: Height(f.of(4)), Checkpointed: Height(f.of(4))}
}

// keep moves decisions into the history, and may trim the log behind them (C7).
func (f *fuzzedCoordinator) keep() {
	f.flush()
	h := f.c.kept + Height(f.of(int(min(f.c.height()-f.c.kept, 8))+1))
	if h == 0 || f.c.decisions[h] == nil {
		return
	}
	f.disk.keepHistory(f.c, h)
	f.audit.add("the history has height %d", h)
	f.step(HistoryKept{h})
	if f.over || !f.rarely(2) {
		return
	}
	f.flush()
	f.disk.trim(f.c, f.of(f.disk.log.forced+1))
	f.audit.add("%d records are left in the log", len(f.disk.log.records))
}

// restart crashes the coordinator, after the effects that the audit and the
// shards have taken note of.
func (f *fuzzedCoordinator) restart() {
	f.flush()
	f.disk.log.crash(f.of(f.disk.log.unforced() + 1))
	f.start()
}
