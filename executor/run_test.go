package executor

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// bench drives the runs of one block on all shards by hand, one step at a time.
type bench struct {
	runs    []*run
	base    [][]value
	out     []pushes
	pushed  [][][]byte // by shard, by receiver
	ready   [][]int32
	started []bool
	tx      *Tx
	sent    []parcel // on their way, again and again
}

type parcel struct {
	from, to protocol.ShardID
	values   []byte
	arrived  bool
}

func newBench(block []protocol.Transaction, state map[string][]byte, c protocol.Config) *bench {
	b := &bench{tx: NewTx(c.Limits)}
	for s, sub := range subBlocks(block, c.Slots) {
		g := newGraph(sub, c.Slots, protocol.ShardID(s))
		base := make([]value, len(g.keys))
		for i, k := range g.keys {
			v, ok := state[string(k.key)]
			base[i] = value{bytes: v, present: ok}
		}
		b.runs = append(b.runs, newRun(protocol.AttemptID{Height: 1, Epoch: 1, Attempt: 1}, g, mixer, c.Limits, c.Shards(), 1<<20))
		b.base = append(b.base, base)
		b.out = append(b.out, make(pushes, c.Shards()))
		b.pushed = append(b.pushed, make([][]byte, c.Shards()))
		b.ready = append(b.ready, nil)
		b.started = append(b.started, false)
	}
	return b
}

// steps lists what could happen next.
func (b *bench) steps() (steps []func() error) {
	for s := range b.runs {
		if !b.started[s] {
			steps = append(steps, func() error { b.start(s); return nil })
		}
		for at := range b.ready[s] {
			steps = append(steps, func() error { b.perform(s, at); return nil })
		}
		if slices.ContainsFunc(b.out[s], func(v []byte) bool { return len(v) > 0 }) {
			steps = append(steps, func() error { b.flush(s); return nil })
		}
	}
	for i := range b.sent {
		if !b.sent[i].arrived {
			steps = append(steps, func() error { return b.deliver(i) })
		}
	}
	return steps
}

func (b *bench) start(s int) {
	b.started[s] = true
	b.ready[s] = append(b.ready[s], b.runs[s].start(b.base[s], b.out[s])...)
}

func (b *bench) perform(s, at int) {
	id := b.ready[s][at]
	b.ready[s] = slices.Delete(b.ready[s], at, at+1)
	b.ready[s] = b.runs[s].perform(id, b.tx, b.out[s], b.ready[s])
}

func (b *bench) flush(s int) {
	for to, values := range b.out[s] {
		pieces := SplitValues(values, 24)
		for i, piece := range pieces {
			if i > 0 && i%3 == 0 { // some of it came before
				piece = slices.Concat(pieces[i-1], piece)
			}
			b.sent = append(b.sent, parcel{from: protocol.ShardID(s), to: protocol.ShardID(to), values: piece})
		}
		b.pushed[s][to] = append(b.pushed[s][to], values...)
		b.out[s][to] = nil
	}
}

func (b *bench) deliver(i int) error {
	p := &b.sent[i]
	p.arrived = true
	ready, err := b.runs[p.to].deliver(p.from, p.values)
	b.ready[p.to] = append(b.ready[p.to], ready...)
	return err
}

// check compares what the shards came to with a sequential run.
func check(t *rapid.T, c protocol.Config, block []protocol.Transaction, before, after *Sequential, outcomes protocol.Outcomes, results []protocol.Result) {
	union := maps.Clone(before.State())
	for s, result := range results {
		shard := protocol.ShardID(s)
		writes, err := protocol.DecodeWrites(result.Writes)
		if err != nil {
			t.Fatalf("writes of shard %d: %v", s, err)
		}
		for _, w := range writes {
			if c.Slots.Owner(w.Key) != shard {
				t.Fatalf("shard %d writes key %q, which it does not own", s, w.Key)
			}
			if old, ok := union[string(w.Key)]; ok == !w.Delete && bytes.Equal(old, w.Value) {
				t.Fatalf("shard %d writes key %q with the value it has", s, w.Key)
			}
			if delete(union, string(w.Key)); !w.Delete {
				union[string(w.Key)] = w.Value
			}
		}
		sum := protocol.SumOf(before.StateDigest(c.Slots, shard)).Add(result.Delta)
		if want := after.StateDigest(c.Slots, shard); sum.Digest() != want {
			t.Fatalf("digest of shard %d is %s by the delta, %s by a full scan", s, sum.Digest(), want)
		}
		for i, sub := range subBlocks(block, c.Slots)[s] {
			executes := slices.Contains(sub.Executors(c.Slots, nil), shard)
			if got := result.Outcomes.At(i); executes && got != outcomes.At(int(sub.Index)) || !executes && got != "" {
				t.Fatalf("outcome of transaction %d on shard %d is %q, want %q (executes: %v)", sub.Index, s, got, outcomes.At(int(sub.Index)), executes)
			}
		}
	}
	if !maps.EqualFunc(union, after.State(), bytes.Equal) {
		t.Fatalf("the shards came to %v, a sequential run to %v", union, after.State())
	}
}

// prologue gives two equal sequential runs over a first block.
func prologue(t *rapid.T, c protocol.Config) (before, after *Sequential) {
	first := drawBlock(t, "a", 12)
	before, after = NewSequential(mixer, c.Limits), NewSequential(mixer, c.Limits)
	for _, s := range []*Sequential{before, after} {
		if _, err := s.Execute(first); err != nil {
			t.Fatal(err)
		}
	}
	return before, after
}

// TestRunsComeToWhatOneSequentialRunDoes is invariant 6 for one block: any
// order of starts, executions, flushes and deliveries, with duplicates.
func TestRunsComeToWhatOneSequentialRunDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := testConfig(rapid.IntRange(1, 7).Draw(t, "shards"))
		before, after := prologue(t, c)
		block := drawBlock(t, "aaaaccfu", 25)
		outcomes, err := after.Execute(block)
		if err != nil {
			t.Fatal(err)
		}
		b := newBench(block, before.State(), c)
		for steps := b.steps(); len(steps) > 0; steps = b.steps() {
			if err := steps[rapid.IntRange(0, len(steps)-1).Draw(t, "step")](); err != nil {
				t.Fatal(err)
			}
			if len(b.sent) > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0 {
				if err := b.deliver(rapid.IntRange(0, len(b.sent)-1).Draw(t, "duplicate")); err != nil {
					t.Fatal(err)
				}
			}
		}
		results := make([]protocol.Result, c.Shards())
		for s, r := range b.runs {
			if !r.over() || r.failure.Load() != nil {
				t.Fatalf("nothing is left to do, but shard %d waits for shards %v (%v)", s, r.waitsFor(), r.failure.Load())
			}
			if owing := r.waitsFor(); owing != nil {
				t.Fatalf("shard %d is done, and waits for %v", s, owing)
			}
			if results[s], _, err = r.outcomeOf(b.pushed[s]); err != nil {
				t.Fatal(err)
			}
		}
		check(t, c, block, before, after, outcomes, results)
	})
}

func TestRunRefusesForGoodWhenTheMachinePanics(t *testing.T) {
	c := testConfig(1)
	b := newBench([]protocol.Transaction{txn("a", "x:key1"), txn("p", "x:key1"), txn("a", "x:key1")}, nil, c)
	b.start(0)
	for len(b.ready[0]) > 0 {
		b.perform(0, 0)
	}
	why := b.runs[0].failure.Load()
	if why == nil || why.Retry || !b.runs[0].over() {
		t.Fatalf("refusal %v, over %v", why, b.runs[0].over())
	}
	if want := "transaction 1: machine panicked: as told"; !bytes.HasPrefix([]byte(why.Reason), []byte(want)) {
		t.Errorf("reason %q", why.Reason)
	}
	b.runs[0].fail(protocol.Refusal{Reason: "later"})
	if b.runs[0].failure.Load() != why {
		t.Error("a later failure replaced the first")
	}
}

// TestDeepChainsNeedNoDeepStack runs a long chain of dependents through a
// shard that only supplies values, and through one that executes them.
func TestDeepChainsNeedNoDeepStack(t *testing.T) {
	c := testConfig(2)
	local, remote := keysOn(c.Slots, 0, 1)[0], keysOn(c.Slots, 1, 1)[0]
	var block []protocol.Transaction
	for i := range 20_000 {
		block = append(block, txn(fmt.Sprint("a", i), "r:"+local, "x:"+remote))
	}
	b := newBench(block, map[string][]byte{local: []byte("v")}, c)
	b.start(0)
	if !b.runs[0].over() {
		t.Fatal("the supplier has something to do")
	}
	b.flush(0)
	b.start(1)
	for i := range b.sent {
		if err := b.deliver(i); err != nil {
			t.Fatal(err)
		}
	}
	for len(b.ready[1]) > 0 {
		b.perform(1, 0)
	}
	if !b.runs[1].over() {
		t.Fatalf("%d tasks are not done", b.runs[1].undone.Load())
	}
}
