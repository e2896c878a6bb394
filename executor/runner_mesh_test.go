package executor

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockstep-exec/lockstep/protocol"
)

// drawOptions draws what the result must not depend on.
func drawOptions(t *rapid.T) RunnerOptions {
	picked, seed := new(atomic.Uint64), rapid.Uint64().Draw(t, "picks")
	return RunnerOptions{
		Workers:    rapid.IntRange(1, 8).Draw(t, "workers"),
		TakeTasks:  rapid.IntRange(0, 3).Draw(t, "take"),
		PieceTasks: rapid.IntRange(0, 3).Draw(t, "per piece"),
		Pick: func(n int) int { // workers pick at the same time
			return rand.New(rand.NewPCG(seed, picked.Add(1))).IntN(n)
		},
	}
}

// TestRunnersComeToWhatOneSequentialRunDoes is invariant 6 for chained
// heights: all are asked for at once, in any order among the shards, and each
// reads what the height below has staged.
func TestRunnersComeToWhatOneSequentialRunDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := testConfig(rapid.IntRange(1, 7).Draw(t, "shards"))
		before, after := prologue(t, c)
		m := newMesh(t, c, drawOptions(t))
		defer m.close()
		m.seed(before.State())
		m.carry(rapid.Uint64().Draw(t, "seed"))

		heights := rapid.IntRange(1, 4).Draw(t, "heights")
		blocks := make([][]protocol.Transaction, heights)
		for i := range blocks {
			blocks[i] = drawBlock(t, "aaaccfu", 30)
		}
		shards := make([]int, c.Shards())
		for s := range shards {
			shards[s] = s
		}
		for _, s := range rapid.Permutation(shards).Draw(t, "order") {
			parent := protocol.AttemptID{}
			for i, block := range blocks {
				a := at(protocol.Height(i+1), 1)
				m.execute(s, a, parent, block)
				parent = a
			}
		}
		results := make([][]protocol.Result, heights)
		for i := range results {
			results[i] = make([]protocol.Result, c.Shards())
		}
		for s := range c.Shards() {
			for range heights {
				e := m.result(s)
				if e.Failure != nil {
					t.Fatalf("shard %d refuses %s: %s", s, e.Attempt, e.Failure.Reason)
				}
				results[e.Attempt.Height-1][s] = e.Result
			}
		}
		for i, block := range blocks {
			below := clone(after, c)
			outcomes, err := after.Execute(block)
			if err != nil {
				t.Fatal(err)
			}
			check(t, c, block, below, after, outcomes, results[i])
		}
		for _, r := range m.runners {
			for i := range blocks {
				r.Commit(protocol.Height(i + 1))
			}
		}
		for s, l := range m.lines {
			for to := range m.lines {
				if n := l.to(protocol.ShardID(to)).Bytes(); n > 0 {
					t.Fatalf("shard %d keeps %d bytes for shard %d after the commits", s, n, to)
				}
			}
		}
		m.quiet()
	})
}

// TestRunnersAfterAborts drops attempts half way on every shard, with values
// of theirs still on the way, and runs others at the same heights.
func TestRunnersAfterAborts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := testConfig(rapid.IntRange(2, 5).Draw(t, "shards"))
		m := newMesh(t, c, drawOptions(t))
		defer m.close()
		m.carry(rapid.Uint64().Draw(t, "seed"))
		rounds := rapid.IntRange(1, 4).Draw(t, "rounds")
		var block []protocol.Transaction
		for round := range rounds + 1 {
			block = drawBlock(t, "aaac", 20)
			a := at(1, uint32(round+1))
			for s, r := range m.runners {
				r.Drop(1)
				m.execute(s, a, protocol.AttemptID{}, block)
			}
		}
		before, after := NewSequential(mixer, c.Limits), NewSequential(mixer, c.Limits)
		outcomes, err := after.Execute(block)
		if err != nil {
			t.Fatal(err)
		}
		results := make([]protocol.Result, c.Shards())
		last := at(1, uint32(rounds+1))
		for s := range c.Shards() {
			e := m.result(s)
			for e.Attempt != last { // it was done before it was dropped
				e = m.result(s)
			}
			if e.Failure != nil {
				t.Fatalf("shard %d refuses %s: %s", s, e.Attempt, e.Failure.Reason)
			}
			results[s] = e.Result
		}
		check(t, c, block, before, after, outcomes, results)
	})
}
