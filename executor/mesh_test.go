package executor

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockstep-exec/lockstep/protocol"
)

// memory is a Staging in memory: committed and staged heights one over the other.
type memory struct {
	mu      sync.Mutex
	bottom  map[string][]byte
	layers  map[protocol.Height][]protocol.WriteOp
	top     protocol.Height
	backlog int64
	fail    error // of Read
}

func newMemory() *memory {
	return &memory{bottom: map[string][]byte{}, layers: map[protocol.Height][]protocol.WriteOp{}}
}

func (m *memory) Read(asOf protocol.Height, keys [][]byte) ([]Value, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, m.fail
	}
	if asOf > m.top {
		return nil, fmt.Errorf("height %d is not staged, the top is %d", asOf, m.top)
	}
	values := make([]Value, len(keys))
	for i, key := range keys {
		values[i].Bytes, values[i].Present = m.bottom[string(key)]
		for h := protocol.Height(1); h <= asOf; h++ {
			for _, w := range m.layers[h] {
				if bytes.Equal(w.Key, key) {
					values[i] = Value{Bytes: w.Value, Present: !w.Delete}
				}
			}
		}
	}
	return values, nil
}

func (m *memory) Stage(h protocol.Height, writes []protocol.WriteOp) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h != m.top+1 {
		return fmt.Errorf("height %d staged on %d", h, m.top)
	}
	m.layers[h], m.top = writes, h
	return nil
}

func (m *memory) Drop(from protocol.Height) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ; m.top >= from; m.top-- {
		delete(m.layers, m.top)
	}
}

func (m *memory) Backlog() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.backlog
}

func (m *memory) setBacklog(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.backlog = n
}

func (m *memory) staged() protocol.Height {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.top
}

// line is a Pusher that keeps what it is told, and lets a test say how long
// which peer was silent.
type line struct {
	mu     sync.Mutex
	outbox map[protocol.ShardID]*Outbox
	silent map[protocol.ShardID]time.Duration
}

func newLine() *line {
	return &line{outbox: map[protocol.ShardID]*Outbox{}, silent: map[protocol.ShardID]time.Duration{}}
}

func (l *line) to(s protocol.ShardID) *Outbox {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.outbox[s] == nil {
		l.outbox[s] = NewOutbox()
	}
	return l.outbox[s]
}

func (l *line) Push(to protocol.ShardID, a protocol.AttemptID, values []byte) {
	l.to(to).Add(a, values)
}

func (l *line) Release(keep func(protocol.AttemptID) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.outbox {
		o.Release(keep)
	}
}

func (l *line) Silent(s protocol.ShardID) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.silent[s]
}

func (l *line) setSilent(s protocol.ShardID, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent[s] = d
}

// mesh is a runner per shard, joined by lines that delay, repeat and reorder.
type mesh struct {
	t        fataler
	config   protocol.Config
	states   []*memory
	lines    []*line
	runners  []*Runner
	schedule Goroutines
	elapsed  atomic.Int64 // what the clock of the runners shows
	results  []chan protocol.Executed
	stop     chan struct{}
	group    sync.WaitGroup
}

type fataler interface {
	Fatalf(string, ...any)
	Helper()
}

func newMesh(t fataler, c protocol.Config, o RunnerOptions) *mesh {
	m := &mesh{t: t, config: c, stop: make(chan struct{})}
	for s := range c.Shards() {
		results := make(chan protocol.Executed, 64)
		state, line := newMemory(), newLine()
		r := NewRunner(RunnerParts{
			Shard: protocol.ShardID(s), Machine: mixer, Staging: state, Pusher: line,
			Schedule: &m.schedule, Now: m.now, Report: func(e protocol.Executed) { results <- e },
		}, o)
		r.Configure(c)
		m.states, m.lines = append(m.states, state), append(m.lines, line)
		m.runners, m.results = append(m.runners, r), append(m.results, results)
	}
	return m
}

// carry delivers between all shards until the mesh is closed: each round takes
// the entries of an outbox in random order, some of them twice.
func (m *mesh) carry(seed uint64) {
	for from := range m.runners {
		for to := range m.runners {
			if from == to {
				continue
			}
			random := rand.New(rand.NewPCG(seed, uint64(from*100+to)))
			m.group.Go(func() { m.carryOne(protocol.ShardID(from), protocol.ShardID(to), random) })
		}
	}
}

func (m *mesh) carryOne(from, to protocol.ShardID, random *rand.Rand) {
	box := m.lines[from].to(to)
	sent := uint64(0)
	for {
		var round []OutboxEntry
		entry, ok, changed := box.After(sent)
		for ; ok && len(round) < 1+random.IntN(8); entry, ok, _ = box.After(sent) {
			sent = entry.Number
			pieces := SplitValues(entry.Values, 1+random.IntN(200))
			for i, piece := range pieces {
				if i > 0 && random.IntN(8) == 0 { // some of it comes twice
					piece = slices.Concat(pieces[i-1], piece)
				}
				for range 1 + random.IntN(2) {
					round = append(round, OutboxEntry{Attempt: entry.Attempt, Values: piece})
				}
			}
		}
		random.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
		for _, e := range round {
			if err := m.runners[to].Deliver(from, e.Attempt, e.Values); err != nil {
				panic(fmt.Sprintf("shard %d to %d, attempt %s: %v", from, to, e.Attempt, err))
			}
		}
		if len(round) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-m.stop:
			return
		}
	}
}

func (m *mesh) now() time.Time { return time.Unix(0, m.elapsed.Load()) }

// reaches waits until an execution of a shard is in a phase.
func (m *mesh) reaches(s int, h protocol.Height, p phase) {
	m.t.Helper()
	eventually(m.t, "the execution gets there", func() bool {
		r := m.runners[s]
		r.mu.Lock()
		defer r.mu.Unlock()
		e := r.at(h)
		return e != nil && e.phase == p
	})
}

func (m *mesh) close() {
	for _, r := range m.runners {
		r.Close()
	}
	m.schedule.Wait()
	close(m.stop)
	m.group.Wait()
}

// execute starts an attempt of a block on one shard.
func (m *mesh) execute(s int, a, parent protocol.AttemptID, block []protocol.Transaction) {
	m.runners[s].Execute(&protocol.Execute{
		Attempt: a, Parent: parent, SubBlock: protocol.EncodeSubBlock(subBlocks(block, m.config.Slots)[s]),
	})
}

// result waits for what the next execution of a shard comes to.
func (m *mesh) result(s int) protocol.Executed {
	m.t.Helper()
	select {
	case e := <-m.results[s]:
		return e
	case <-time.After(patience):
		m.t.Fatalf("shard %d gave no result in %v", s, patience)
	}
	panic("unreachable")
}

// quiet fails if a shard reports more than was asked for.
func (m *mesh) quiet() {
	m.t.Helper()
	for s, results := range m.results {
		select {
		case e := <-results:
			m.t.Fatalf("shard %d reports %v as well", s, e.Attempt)
		default:
		}
	}
}

// seed gives every shard its part of a state.
func (m *mesh) seed(state map[string][]byte) {
	for key, value := range state {
		m.states[m.config.Slots.Owner([]byte(key))].bottom[key] = value
	}
}

func clone(s *Sequential, c protocol.Config) *Sequential {
	n := NewSequential(mixer, c.Limits)
	maps.Copy(n.state, s.state)
	return n
}

// solo is a mesh of which only shard 0 runs; the test plays the others.
func solo(t *testing.T, shards int, o RunnerOptions) *mesh {
	m := newMesh(t, testConfig(shards), o)
	t.Cleanup(m.close)
	return m
}
