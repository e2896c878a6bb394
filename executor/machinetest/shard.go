package machinetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lockstep-exec/lockstep/executor"
	"github.com/lockstep-exec/lockstep/protocol"
)

// shard is a runner with a state in memory. It is the runner's Staging, Pusher and
// Schedule.
type shard struct {
	id      protocol.ShardID
	cluster *cluster
	runner  *executor.Runner
	state   map[string][]byte
	staged  []protocol.WriteOp
	result  *protocol.Executed
}

func newShard(w *cluster, id protocol.ShardID, m executor.Machine) *shard {
	s := &shard{id: id, cluster: w, state: map[string][]byte{}}
	s.runner = executor.NewRunner(executor.RunnerParts{
		Shard: id, Machine: m, Staging: s, Pusher: s, Schedule: s, Now: fixedNow,
		Report: func(e protocol.Executed) { s.result = &e },
	}, executor.RunnerOptions{Workers: 3, PieceTasks: 1})
	s.runner.Configure(w.config)
	return s
}

// commit compares the outcomes with those of the whole block, and takes the writes
// over.
func (s *shard) commit(h protocol.Height, sub protocol.SubBlock, want protocol.Outcomes) error {
	switch {
	case s.result == nil:
		return errors.New("never finishes: a transaction waits for values that do not come")
	case s.result.Failure != nil:
		return fmt.Errorf("refuses the block: %s", s.result.Failure.Reason)
	}
	for i, t := range sub {
		executes := slices.Contains(t.Executors(s.cluster.config.Slots, nil), s.id)
		got := s.result.Outcomes.At(i)
		if executes && got != want.At(int(t.Index)) || !executes && got != "" {
			return fmt.Errorf("finds outcome %q, want %q, of %s", got, want.At(int(t.Index)), describe(t.Transaction))
		}
	}
	for _, w := range s.staged {
		if w.Delete {
			delete(s.state, string(w.Key))
		} else {
			s.state[string(w.Key)] = w.Value
		}
	}
	s.staged = nil
	s.runner.Commit(h)
	return nil
}

// Go implements executor.Schedule.
func (s *shard) Go(piece func()) {
	s.cluster.next = append(s.cluster.next, func() error { piece(); return nil })
}

// Push implements executor.Pusher.
func (s *shard) Push(to protocol.ShardID, a protocol.AttemptID, values []byte) {
	s.cluster.next = append(s.cluster.next, func() error { return s.cluster.shards[to].runner.Deliver(s.id, a, values) })
}

// Release implements executor.Pusher: nothing is kept.
func (s *shard) Release(func(protocol.AttemptID) bool) {}

// Silent implements executor.Pusher.
func (s *shard) Silent(protocol.ShardID) time.Duration { return 0 }

// Read implements executor.Staging.
func (s *shard) Read(_ protocol.Height, keys [][]byte) ([]executor.Value, error) {
	values := make([]executor.Value, len(keys))
	for i, key := range keys {
		values[i].Bytes, values[i].Present = s.state[string(key)]
	}
	return values, nil
}

// Stage implements executor.Staging.
func (s *shard) Stage(_ protocol.Height, writes []protocol.WriteOp) error {
	s.staged = writes
	return nil
}

// Drop implements executor.Staging: no attempt is.
func (s *shard) Drop(protocol.Height) {}

// Backlog implements executor.Staging.
func (s *shard) Backlog() int64 { return 0 }

// fixedNow is the clock of runs in which nothing is waited for.
func fixedNow() time.Time { return time.Unix(1_700_000_000, 0) }
