package protocol

import (
	"fmt"
	"slices"
	"time"
)

// ghost is what an observer knows who sees every disk.
type ghost struct {
	decided []*Decision // by height, from 1
	keys    map[string]bool
	values  [][]uint64 // by height from 0, then by shard: of a sequential run
}

func newGhost(shards int) ghost {
	return ghost{keys: map[string]bool{}, values: [][]uint64{make([]uint64, shards)}}
}

// decide checks a decision at the moment it becomes durable.
func (g *ghost) decide(w *world, d *Decision) {
	if after := w.clients.blocks[d.Block].after; after != "" && !g.keys[after] {
		w.fail("C9: block %q is decided before block %q, which it comes after", d.Key, after)
	}
	h := Height(len(g.decided)) + 1
	w.trace("height %d is decided: %s, block %s", d.Height(), d.Attempt, d.Key)
	switch {
	case d.Height() != h:
		w.fail("invariant 1 or 5: height %d is decided, %d was expected", d.Height(), h)
	case g.keys[d.Key]:
		w.fail("C3: block %q is decided twice", d.Key)
	case len(w.clients.asked[d.Key]) == 0:
		w.fail("C5: block %q is decided, but its client was told that it is not", d.Key)
	}
	values := make([]uint64, len(w.shards))
	for i, s := range w.shards {
		values[i] = after(g.values[h-1][i], d.Block)
		if d.Digests[i] != stateSum(values[i]).Digest() {
			w.fail("invariant 6: the decision of height %d has another digest for shard %d than a sequential run", h, i)
		}
		if !s.lied && !s.holdsDurably(d.Attempt, d.Digests[i]) {
			w.fail("invariant 2: attempt %s is decided, but the record of shard %d is not durable", d.Attempt, i)
		}
	}
	g.decided, g.values = append(g.decided, d), append(g.values, values)
	g.keys[d.Key] = true
}

// onDisk is what the shard would find after a crash that takes all that is not
// forced.
func (s *modelShard) onDisk() ShardState {
	if !s.durableValid {
		state, err := s.recover(s.log.forced)
		if err != nil {
			s.world.fail("the durable log of shard %d does not replay: %v", s.identity.Shard, err)
		}
		s.durable, s.durableValid = state, true
	}
	return s.durable
}

func (s *modelShard) holdsDurably(a AttemptID, d Digest) bool {
	state := s.onDisk()
	return slices.ContainsFunc(state.Prepared, func(p *Prepared) bool { return p.Attempt == a && p.Digest == d })
}

func (w *world) check() {
	for _, s := range w.shards {
		w.checkCommitted(s)
		if s.lied {
			continue
		}
		w.checkDecidedKept(s)
		if s.p != nil && s.onDisk().Epoch != s.p.epoch {
			w.fail("S5: shard %d has seen epoch %d, on its disk is %d", s.identity.Shard, s.p.epoch, s.onDisk().Epoch)
		}
	}
	w.checkVotesKept()
}

// checkCommitted: invariants 1, 2, 5 and 6.
func (w *world) checkCommitted(s *modelShard) {
	if s.p == nil {
		return
	}
	h := s.p.committed.Height()
	if int(h) > len(w.ghost.decided) {
		w.fail("invariant 2: shard %d has committed height %d, which is not decided", s.identity.Shard, h)
	}
	if h > 0 && s.p.committed != w.ghost.decided[h-1].CommittedOn(s.identity.Shard) {
		w.fail("invariant 1: shard %d has committed %v at height %d, decided is %s", s.identity.Shard, s.p.committed, h, w.ghost.decided[h-1].Attempt)
	}
	if s.value != w.ghost.values[h][s.identity.Shard] {
		w.fail("invariant 6: shard %d holds another state at height %d than a sequential run", s.identity.Shard, h)
	}
}

// checkDecidedKept: invariant 3, in memory and on disk.
func (w *world) checkDecidedKept(s *modelShard) {
	disk := s.onDisk()
	for _, d := range w.ghost.decided {
		digest := d.Digests[s.identity.Shard]
		if d.Height() > disk.Committed.Height() && !s.holdsDurably(d.Attempt, digest) {
			w.fail("invariant 3: height %d is decided, but on the disk of shard %d it is neither committed nor prepared", d.Height(), s.identity.Shard)
		}
		if s.p == nil || d.Height() <= s.p.committed.Height() {
			continue
		}
		if h := s.p.at(d.Height()); h == nil || h.phase != phasePrepared || h.attempt != d.Attempt || h.vote.Digest != digest {
			w.fail("invariant 3: height %d is decided, but shard %d neither committed nor holds it", d.Height(), s.identity.Shard)
		}
	}
}

// checkVotesKept: invariant 4. A vote counted by the newest coordinator for a
// live attempt is still held, in memory and on disk.
func (w *world) checkVotesKept() {
	for _, m := range w.coordinators {
		if m.epoch != w.disk.owner || m.c.down {
			continue
		}
		for _, b := range m.c.blocks {
			for i, v := range b.votes {
				s := w.shards[i]
				if v == nil || !b.live() || s.lied {
					continue
				}
				if !s.holdsDurably(b.attempt, v.Digest) {
					w.fail("invariant 4: shard %d voted on attempt %s, and its disk does not hold it", i, b.attempt)
				}
				if s.p != nil && (s.p.at(b.attempt.Height) == nil || s.p.at(b.attempt.Height).attempt != b.attempt) {
					w.fail("invariant 4: shard %d voted on attempt %s, and holds it no more", i, b.attempt)
				}
			}
		}
	}
}

// modelClients are those who submit blocks.
type modelClients struct {
	blocks  map[Digest]*modelBlock
	keys    int
	waiters map[Waiter]modelWaiter
	// operators that wait, and what they asked for.
	operators map[Waiter]Resolve
	last      Waiter
	// asked: by key, the epochs of the incarnations that took the block up and
	// have not told a client that it is withdrawn.
	asked map[string]map[Epoch]bool
}

type modelBlock struct {
	block  *Block
	after  string // key of the block that it comes after; "" for none (C9)
	poison bool   // every execution of it panics
}

type modelWaiter struct {
	key         string
	coordinator *modelCoordinator
}

func newModelClients() modelClients {
	return modelClients{blocks: map[Digest]*modelBlock{}, waiters: map[Waiter]modelWaiter{}, operators: map[Waiter]Resolve{}, asked: map[string]map[Epoch]bool{}}
}

// forget drops the clients of an incarnation that is gone.
func (c *modelClients) forget(m *modelCoordinator) {
	for w, waiter := range c.waiters {
		if waiter.coordinator == m {
			delete(c.waiters, w)
		}
	}
}

// newBlock has one transaction that every shard executes, and one on each.
func (c *modelClients) newBlock(key string, shards int, poison bool) *Block {
	b := &Block{Key: key, ID: BlockID(key, nil), Transactions: shards + 1}
	for i := range shards {
		b.Parts = append(b.Parts, Part{Indexes: []uint32{0, uint32(i + 1)}, Executes: []bool{true, true}})
	}
	c.blocks[b.ID] = &modelBlock{block: b, poison: poison}
	return b
}

func (b *modelBlock) outcomes() Outcomes {
	o := NewOutcomes(2)
	_ = o.Set(0, fmt.Sprintf("outcome%d", b.block.ID[0]%3))
	_ = o.Set(1, OutcomeApplied)
	return o
}

// submit brings a new block, or one again, to some coordinator.
func (w *world) submit() {
	if len(w.coordinators) == 0 {
		return
	}
	m := w.coordinators[w.rng.IntN(len(w.coordinators))]
	c := &w.clients
	var b *Block
	if c.keys > 0 && w.chance(30) {
		b = c.blocks[BlockID(fmt.Sprintf("b%d", 1+w.rng.IntN(c.keys)), nil)].block
	} else {
		c.keys++
		b = c.newBlock(fmt.Sprintf("b%d", c.keys), len(w.shards), w.chance(3))
		if c.keys > 1 && w.chance(40) {
			c.blocks[b.ID].after = fmt.Sprintf("b%d", c.keys-1)
		}
	}
	// A node looks the key up in the history first.
	kept := w.disk.kept
	found := func(key string) bool {
		return slices.ContainsFunc(w.ghost.decided[:kept], func(d *Decision) bool { return d.Key == key })
	}
	if found(b.Key) {
		return
	}
	c.last++
	ev := Submitted{Block: b, Waiter: c.last, Checked: kept}
	if after := c.blocks[b.ID].after; !found(after) {
		ev.After = after
	}
	if w.chance(30) || c.blocks[b.ID].poison {
		ev.Deadline = w.now.Add(time.Duration(w.rng.IntN(300)) * time.Millisecond)
	}
	if w.chance(10) {
		ev.Waiter = 0
	} else {
		c.waiters[c.last] = modelWaiter{b.Key, m}
	}
	if c.asked[b.Key] == nil {
		c.asked[b.Key] = map[Epoch]bool{}
	}
	c.asked[b.Key][m.epoch] = true
	w.pass(m, ev)
}

// withdrawn: the owner of the log knows everything that it holds, so after its
// word nothing is left. One that has been deposed speaks for itself: the newer
// one may have the same block from another client.
func (c *modelClients) withdrawn(key string, epoch Epoch, owner bool) {
	delete(c.asked[key], epoch)
	if owner {
		clear(c.asked[key])
	}
}

// answered checks that a client is told the truth, once.
func (w *world) answered(m *modelCoordinator, a Answer) {
	if asked, ok := w.clients.operators[a.Waiter]; ok {
		w.heard(m, asked, a)
		return
	}
	waiter, ok := w.clients.waiters[a.Waiter]
	if !ok || waiter.coordinator != m {
		w.fail("client %d is answered, but does not wait", a.Waiter)
	}
	delete(w.clients.waiters, a.Waiter)
	switch a.Verdict {
	case VerdictCommitted:
		if !w.ghost.keys[waiter.key] || a.Decision.Key != waiter.key {
			w.fail("invariant 3: client of %q is told that it is committed, and it is not", waiter.key)
		}
	case VerdictAborted, VerdictRejected:
		if w.ghost.keys[waiter.key] {
			w.fail("C5: client of %q is told that it is aborted, and it is decided", waiter.key)
		}
		w.clients.withdrawn(waiter.key, m.epoch, m.epoch == w.disk.owner)
	case VerdictEarly:
		if after := w.clients.blocks[BlockID(waiter.key, nil)].after; w.ghost.keys[after] {
			w.fail("C9: client of %q is told that %q is not committed, and it is", waiter.key, after)
		}
	case VerdictConflict:
		w.fail("block %q has one content only", waiter.key)
	}
}
