package executor

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// adder is a machine that costs little: it adds up what it reads, and writes
// the sum wherever it may.
var adder = machineFunc(func(tx *Tx) string {
	sum := uint64(1)
	for i := range tx.Keys() {
		if tx.access[i].Mode.Reads() {
			if value, ok := tx.Get(i); ok {
				sum += binary.BigEndian.Uint64(value)
			}
		}
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], sum)
	for i := range tx.Keys() {
		if tx.access[i].Mode.Writes() {
			tx.Put(i, b[:])
		}
	}
	return protocol.OutcomeApplied
})

// blank is a Staging without a state.
type blank struct{}

func (blank) Read(_ protocol.Height, keys [][]byte) ([]Value, error) {
	return make([]Value, len(keys)), nil
}
func (blank) Stage(protocol.Height, []protocol.WriteOp) error { return nil }
func (blank) Drop(protocol.Height)                            {}
func (blank) Backlog() int64                                  { return 0 }

// belt is a Pusher whose values a goroutine carries to the other shards.
type belt chan belted

type belted struct {
	to      protocol.ShardID
	attempt protocol.AttemptID
	values  []byte
}

func (b belt) Push(to protocol.ShardID, a protocol.AttemptID, values []byte) {
	b <- belted{to, a, values}
}
func (belt) Release(func(protocol.AttemptID) bool) {}
func (belt) Silent(protocol.ShardID) time.Duration { return 0 }

func (b belt) carry(t testing.TB, from protocol.ShardID, to []*Runner) {
	for v := range b {
		if err := to[v.to].Deliver(from, v.attempt, v.values); err != nil {
			t.Error(err)
		}
	}
}

// transfers is a block that moves something between two of so many keys.
func transfers(transactions, keys int) []protocol.Transaction {
	block := make([]protocol.Transaction, transactions)
	for i := range block {
		one, two := i*7919%keys, i*104729%keys
		block[i] = txn("a", fmt.Sprintf("x:key%d", one), fmt.Sprintf("x:key%d", two))
	}
	return block
}

// BenchmarkRunner runs one block after the other on all shards, from Execute to
// the last result. Hot blocks are one long chain of conflicts.
func BenchmarkRunner(b *testing.B) {
	const transactions = 8192
	for _, shards := range []int{1, 3} {
		for name, keys := range map[string]int{"wide": 1 << 20, "mixed": 1000, "hot": 2} {
			b.Run(fmt.Sprintf("%d_shards_%s", shards, name), func(b *testing.B) {
				benchmarkRunner(b, testConfig(shards), transfers(transactions, keys))
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*transactions), "ns/tx")
			})
		}
	}
}

func benchmarkRunner(b *testing.B, c protocol.Config, block []protocol.Transaction) {
	var schedule Goroutines
	var carriers Goroutines
	runners, belts := make([]*Runner, c.Shards()), make([]belt, c.Shards())
	results := make(chan protocol.Executed, c.Shards())
	subs := make([][]byte, c.Shards())
	for s, sub := range subBlocks(block, c.Slots) {
		subs[s], belts[s] = protocol.EncodeSubBlock(sub), make(belt, 1<<16)
		runners[s] = NewRunner(RunnerParts{
			Shard: protocol.ShardID(s), Machine: adder, Staging: blank{}, Pusher: belts[s],
			Schedule: &schedule, Now: time.Now, Report: func(e protocol.Executed) { results <- e },
		}, RunnerOptions{})
		runners[s].Configure(c)
		carriers.Go(func() { belts[s].carry(b, protocol.ShardID(s), runners) })
	}
	h := protocol.Height(0)
	for b.Loop() {
		h++
		for s, r := range runners {
			r.Execute(&protocol.Execute{Attempt: at(h, 1), SubBlock: subs[s]})
		}
		for range runners {
			if e := <-results; e.Failure != nil {
				b.Fatal(e.Failure.Reason)
			}
		}
		for _, r := range runners {
			r.Commit(h)
		}
	}
	for s, r := range runners {
		r.Close()
		close(belts[s])
	}
	schedule.Wait()
	carriers.Wait()
}
