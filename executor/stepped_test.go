package executor

import (
	"errors"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// piecesInHand is a Schedule that runs nothing by itself.
type piecesInHand struct{ pieces []func() }

func (p *piecesInHand) Go(piece func()) { p.pieces = append(p.pieces, piece) }

// run runs one of the pieces that wait.
func (p *piecesInHand) run(at int) {
	piece := p.pieces[at]
	p.pieces = slices.Delete(p.pieces, at, at+1)
	piece()
}

// stepped is a cluster of runners in one thread. Every step is drawn: a piece of
// a shard, an instruction of the coordinator, a delivery, a lost stream, a
// restart. What is committed is compared with a sequential run.
type stepped struct {
	t         *rapid.T
	config    protocol.Config
	options   RunnerOptions
	shards    []*steppedShard
	links     []*steppedLink
	live      []*steppedBlock // ascending by height, the first above committed
	committed protocol.Height
	attempts  uint32
	now       time.Time
	want      *Sequential
}

// steppedBlock is a live attempt, as the coordinator sees it.
type steppedBlock struct {
	attempt protocol.AttemptID
	block   []protocol.Transaction
	results map[protocol.ShardID]protocol.Result
}

// steppedShard is one shard, with what the coordinator has told it and it has
// not heard yet.
type steppedShard struct {
	id       protocol.ShardID
	runner   *Runner
	state    *memory
	line     *line
	pieces   *piecesInHand
	orders   []any // *protocol.Execute, protocol.Abort, protocol.Height to commit
	begun    []*protocol.Execute
	prepared []*protocol.Prepared // ascending by height
}

// steppedLink carries values from one shard to another.
type steppedLink struct {
	from, to *steppedShard
	sent     uint64
	flying   []OutboxEntry
}

func newStepped(t *rapid.T, shards int, o RunnerOptions) *stepped {
	c := testConfig(shards)
	w := &stepped{t: t, config: c, options: o, now: time.Unix(0, 0), want: NewSequential(mixer, c.Limits)}
	for s := range shards {
		shard := &steppedShard{id: protocol.ShardID(s), state: newMemory()}
		w.start(shard)
		w.shards = append(w.shards, shard)
	}
	for _, from := range w.shards {
		for _, to := range w.shards {
			if from != to {
				w.links = append(w.links, &steppedLink{from: from, to: to})
			}
		}
	}
	return w
}

// start begins a new life of a shard.
func (w *stepped) start(s *steppedShard) {
	s.line, s.pieces = newLine(), &piecesInHand{}
	s.runner = NewRunner(RunnerParts{
		Shard: s.id, Machine: mixer, Staging: s.state, Pusher: s.line, Schedule: s.pieces,
		Now: func() time.Time { return w.now }, Report: func(e protocol.Executed) { w.reported(s, e) },
	}, w.options)
	s.runner.Configure(w.config)
}

func (w *stepped) draw(n int, what string) int { return rapid.IntRange(0, n-1).Draw(w.t, what) }

// submit has all shards execute another block on top of the live ones.
func (w *stepped) submit() {
	w.attempts++
	h := w.committed + protocol.Height(len(w.live)) + 1
	b := &steppedBlock{attempt: at(h, w.attempts), block: drawBlock(w.t, "aaaccfu", 8), results: map[protocol.ShardID]protocol.Result{}}
	w.live = append(w.live, b)
	for s, sub := range subBlocks(b.block, w.config.Slots) {
		w.shards[s].orders = append(w.shards[s].orders, &protocol.Execute{Attempt: b.attempt, SubBlock: protocol.EncodeSubBlock(sub)})
	}
}

// abort drops a live block, and those above it.
func (w *stepped) abort(at int) {
	for _, s := range w.shards {
		s.orders = append(s.orders, protocol.Abort{Attempt: w.live[at].attempt})
	}
	w.live = w.live[:at]
}

// reported takes a result as the state machine of the shard would.
func (w *stepped) reported(s *steppedShard, e protocol.Executed) {
	if e.Failure != nil {
		w.t.Fatalf("shard %d refuses %s: %s", s.id, e.Attempt, e.Failure.Reason)
	}
	at := slices.IndexFunc(s.begun, func(x *protocol.Execute) bool { return x.Attempt == e.Attempt })
	if at != 0 {
		w.t.Fatalf("shard %d reports %s, it executes %d attempts, and this is number %d", s.id, e.Attempt, len(s.begun), at)
	}
	s.begun = s.begun[1:]
	s.prepared = append(s.prepared, &protocol.Prepared{Attempt: e.Attempt, Writes: e.Writes, Pushed: e.Pushed})
	for _, b := range w.live {
		if b.attempt == e.Attempt {
			b.results[s.id] = e.Result
		}
	}
}

// decide commits the lowest live block, and compares it with a sequential run.
func (w *stepped) decide() {
	b := w.live[0]
	before := clone(w.want, w.config)
	outcomes, err := w.want.Execute(b.block)
	if err != nil {
		w.t.Fatal(err)
	}
	results := make([]protocol.Result, len(w.shards))
	for s := range results {
		results[s] = b.results[protocol.ShardID(s)]
	}
	check(w.t, w.config, b.block, before, w.want, outcomes, results)
	w.committed++
	w.live = w.live[1:]
	for _, s := range w.shards {
		s.orders = append(s.orders, b.attempt.Height)
	}
}

// obey has a shard do the next thing that it was told.
func (w *stepped) obey(s *steppedShard) {
	order := s.orders[0]
	s.orders = s.orders[1:]
	switch order := order.(type) {
	case *protocol.Execute:
		s.begun = append(s.begun, order)
		s.runner.Execute(order)
	case protocol.Abort:
		h := order.Attempt.Height
		s.begun = slices.DeleteFunc(s.begun, func(x *protocol.Execute) bool { return x.Attempt.Height >= h })
		s.prepared = slices.DeleteFunc(s.prepared, func(p *protocol.Prepared) bool { return p.Attempt.Height >= h })
		s.runner.Drop(h)
	case protocol.Height:
		s.prepared = s.prepared[1:]
		s.runner.Commit(order)
	}
}

// restart takes away what a shard has in memory. What is prepared is restored,
// and what was being executed is asked for again, as after a resync.
func (w *stepped) restart(s *steppedShard) {
	committed := s.runner.committed
	s.runner.Close()
	s.state.Drop(committed + 1)
	w.start(s)
	s.runner.Commit(committed)
	for _, p := range s.prepared {
		if err := s.runner.Restore(p); err != nil {
			w.t.Fatalf("shard %d restores %s: %v", s.id, p.Attempt, err)
		}
	}
	for i, x := range s.begun {
		s.orders = slices.Insert(s.orders, i, any(x))
	}
	s.begun = nil
	for _, l := range w.links {
		if l.from == s || l.to == s {
			l.reconnect()
		}
	}
}

// reconnect begins anew with what is not released.
func (l *steppedLink) reconnect() { l.sent, l.flying = 0, nil }

// send puts the next push on the way, in pieces.
func (w *stepped) send(l *steppedLink, e OutboxEntry) {
	l.sent = e.Number
	for _, piece := range SplitValues(e.Values, 1+w.draw(40, "piece")) {
		l.flying = append(l.flying, OutboxEntry{Attempt: e.Attempt, Values: piece})
	}
}

// deliver takes one piece off the link, or leaves it there to come again. A
// peer without room for it ends the stream.
func (w *stepped) deliver(l *steppedLink, at int, again bool) {
	e := l.flying[at]
	if !again {
		l.flying = slices.Delete(l.flying, at, at+1)
	}
	switch err := l.to.runner.Deliver(l.from.id, e.Attempt, e.Values); {
	case errors.Is(err, ErrEarly):
		l.reconnect()
	case err != nil:
		w.t.Fatalf("shard %d to %d, attempt %s: %v", l.from.id, l.to.id, e.Attempt, err)
	}
}

// work lists the steps that bring the cluster on.
func (w *stepped) work() (steps []func()) {
	for _, s := range w.shards {
		if len(s.orders) > 0 {
			steps = append(steps, func() { w.obey(s) })
		}
		for at := range s.pieces.pieces {
			steps = append(steps, func() { s.pieces.run(at) })
		}
	}
	for _, l := range w.links {
		if e, ok, _ := l.from.line.to(l.to.id).After(l.sent); ok {
			steps = append(steps, func() { w.send(l, e) })
		}
		for at := range l.flying {
			steps = append(steps, func() { w.deliver(l, at, false) })
		}
	}
	if len(w.live) > 0 && len(w.live[0].results) == len(w.shards) {
		steps = append(steps, w.decide)
	}
	return steps
}

// trouble lists the steps that do not.
func (w *stepped) trouble() (steps []func()) {
	for _, s := range w.shards {
		steps = append(steps, func() { w.restart(s) }, s.runner.Tick)
	}
	for _, l := range w.links {
		steps = append(steps, l.reconnect)
		for at := range l.flying {
			steps = append(steps, func() { w.deliver(l, at, true) })
		}
	}
	for at := range w.live {
		steps = append(steps, func() { w.abort(at) })
	}
	return append(steps, func() { w.now = w.now.Add(time.Second) })
}
