package protocol

import (
	"fmt"
	"slices"
)

// hello checks a shard that (re)connects, in the order of the design, and
// brings it level: Welcome, the Commits and Aborts it lacks, the Executes of
// live attempts it does not hold. A live attempt that it does hold counts as
// its vote.
func (c *Coordinator) hello(s Session, m *Hello, e *Effects) error {
	if _, again := c.sessions[s]; again {
		c.reject(s, m.Shard, RejectMalformed, fmt.Sprintf("shard %d sent a second hello on one session", m.Shard), e)
		return nil
	}
	if reason := c.strange(m); reason != "" {
		c.reject(s, m.Shard, RejectConfiguration, reason, e)
		return nil
	}
	if m.Epoch > c.epoch {
		// This coordinator is stale, and does not judge the rest.
		e.Send = append(e.Send, Envelope{Session: s, Epoch: c.epoch, Message: Reject{Kind: RejectStale,
			Reason: fmt.Sprintf("this coordinator has epoch %d, but epoch %d exists: find the newer coordinator", c.epoch, m.Epoch)}})
		e.Close = append(e.Close, Close{Session: s, Reason: "stale coordinator"})
		c.stepDown(fmt.Sprintf("shard %d has seen epoch %d, above this coordinator's %d: a newer coordinator exists, or this one runs on an old copy of its data", m.Shard, m.Epoch, c.epoch), e)
		return nil
	}
	if kind, reason := c.differs(m); reason != "" {
		c.reject(s, m.Shard, kind, reason, e)
		if kind == RejectLostData {
			c.uncount(m, e)
		}
		return nil
	}
	c.accept(s, m, e)
	return c.resync(m, e)
}

// strange refuses what an operator has configured wrongly.
func (c *Coordinator) strange(m *Hello) string {
	n := len(c.shards)
	switch {
	case !m.Cluster.IsZero() && m.Cluster != c.config.Cluster:
		return fmt.Sprintf("shard %d belongs to cluster %s, this coordinator to cluster %s: give the shard the address of its own coordinator", m.Shard, m.Cluster, c.config.Cluster)
	case m.Shards != 0 && m.Shards != n:
		return fmt.Sprintf("shard %d belongs to a cluster of %d shards, this coordinator's has %d", m.Shard, m.Shards, n)
	case int(m.Shard) >= n:
		return fmt.Sprintf("there is no shard %d: this cluster has shards 0 to %d", m.Shard, n-1)
	case m.Directory.IsZero():
		return fmt.Sprintf("shard %d names no data directory", m.Shard)
	case c.shards[m.Shard].joined && c.shards[m.Shard].directory != m.Directory:
		return fmt.Sprintf("shard %d is bound to data directory %s, but this one is %s: start it with the data directory it had, or with another --id",
			m.Shard, c.shards[m.Shard].directory, m.Directory)
	case m.Cluster.IsZero() && (m.Epoch > 0 || m.Committed != (Committed{}) || len(m.Prepared) > 0):
		return fmt.Sprintf("shard %d names no cluster, but has taken part in one: start it on an empty data directory", m.Shard)
	}
	return c.boundElsewhere(m)
}

// boundElsewhere refuses one directory for two shards: what the one has
// prepared would count as votes of the other.
func (c *Coordinator) boundElsewhere(m *Hello) string {
	for s, p := range c.shards {
		if ShardID(s) != m.Shard && p.joined && p.directory == m.Directory {
			return fmt.Sprintf("data directory %s is bound to shard %d, it cannot be that of shard %d: start it with --id %d, or on a directory of its own", m.Directory, s, m.Shard, s)
		}
	}
	return ""
}

// differs compares histories.
func (c *Coordinator) differs(m *Hello) (RejectKind, string) {
	at := m.Committed.Height()
	if at > 0 && !c.shards[m.Shard].joined {
		return RejectConfiguration, fmt.Sprintf("shard %d has committed height %d, but never joined this coordinator: its decisions are lost, or it runs on an old copy of its data", m.Shard, at)
	}
	if at > c.height() {
		return RejectDivergence, fmt.Sprintf("shard %d has committed height %d, but this coordinator has decided only up to %d: it runs on an old copy of its data, or the shard belongs to another history", m.Shard, at, c.height())
	}
	if d := c.decisions[at]; d != nil && d.CommittedOn(m.Shard) != m.Committed {
		return RejectDivergence, fmt.Sprintf("shard %d has digest %s at height %d (attempt %s), the decision says %s (attempt %s)",
			m.Shard, m.Committed.Digest, at, m.Committed.Attempt, d.Digests[m.Shard], d.Attempt)
	}
	if at == 0 && m.Committed != (Committed{}) {
		return RejectDivergence, fmt.Sprintf("shard %d has committed nothing, but holds digest %s", m.Shard, m.Committed.Digest)
	}
	if m.Checkpointed > at {
		return RejectMalformed, fmt.Sprintf("shard %d says that it has checkpointed height %d, but committed only %d", m.Shard, m.Checkpointed, at)
	}
	votes, reason := preparedByHeight(m)
	if reason != "" {
		return RejectMalformed, reason
	}
	for h := at + 1; h <= c.height(); h++ {
		if kind, reason := c.lacks(m.Shard, h, votes[h]); reason != "" {
			return kind, reason
		}
	}
	return c.misfits(m, votes)
}

// uncount takes back the votes of a shard that holds them no more, for no block
// may be decided on them. Should its old session stand after all, as when a copy
// of its data was started, it is asked again, and answers if it has prepared.
func (c *Coordinator) uncount(m *Hello, e *Effects) {
	for _, p := range c.blocks {
		lost := p.live() && p.votes[m.Shard] != nil &&
			!slices.ContainsFunc(m.Prepared, func(v Vote) bool { return v.Attempt == p.attempt })
		if lost {
			p.votes[m.Shard] = nil
			c.sendExecute(m.Shard, p, e)
		}
	}
}

func preparedByHeight(m *Hello) (map[Height]*Vote, string) {
	votes := map[Height]*Vote{}
	for i := range m.Prepared {
		v := &m.Prepared[i]
		if v.Attempt.Height != m.Committed.Height()+1+Height(i) || !v.Yes {
			return nil, fmt.Sprintf("shard %d lists prepared attempt %s out of order", m.Shard, v.Attempt)
		}
		if v.Attempt.Epoch > m.Epoch {
			return nil, fmt.Sprintf("shard %d lists prepared attempt %s, but has seen no epoch above %d", m.Shard, v.Attempt, m.Epoch)
		}
		votes[v.Attempt.Height] = v
	}
	return votes, ""
}

// lacks checks that a shard holds what it must to commit a decided height.
func (c *Coordinator) lacks(shard ShardID, h Height, v *Vote) (RejectKind, string) {
	d := c.decisions[h]
	switch {
	case d == nil:
		return RejectLostData, fmt.Sprintf("shard %d had checkpointed height %d and now has committed less: it lost data, or this is an old copy of it", shard, h)
	case v == nil || v.Attempt != d.Attempt:
		return RejectLostData, fmt.Sprintf("shard %d has neither committed nor prepared height %d (attempt %s), which is decided with its vote: it lost data", shard, h, d.Attempt)
	case v.Digest != d.Digests[shard]:
		return RejectDivergence, fmt.Sprintf("shard %d has prepared attempt %s with digest %s, it is decided with digest %s", shard, v.Attempt, v.Digest, d.Digests[shard])
	}
	return 0, ""
}

// misfits checks the votes for live attempts before anything is changed. A
// vote that was counted must still be held: nothing but an Abort drops it.
func (c *Coordinator) misfits(m *Hello, votes map[Height]*Vote) (RejectKind, string) {
	for i, p := range c.blocks {
		if !p.live() {
			break
		}
		v := votes[c.heightOf(i)]
		if v == nil || v.Attempt != p.attempt {
			if p.votes[m.Shard] != nil {
				return RejectLostData, fmt.Sprintf("shard %d has voted on attempt %s and holds it no more: it lost data", m.Shard, p.attempt)
			}
			continue
		}
		if reason := p.misfit(m.Shard, v); reason != "" {
			return RejectMalformed, reason
		}
	}
	return 0, ""
}

// accept installs the session. The same data directory replaces an old one.
func (c *Coordinator) accept(s Session, m *Hello, e *Effects) {
	p := &c.shards[m.Shard]
	if old := p.session; old != 0 {
		e.Close = append(e.Close, Close{Session: old, Reason: "the shard has opened a new session"})
		delete(c.sessions, old)
	}
	if !p.joined {
		p.directory, p.joined = m.Directory, true
		e.force(Joined{Shard: m.Shard, Directory: m.Directory})
		e.note(NoteJoined, AttemptID{}, fmt.Sprintf("shard %d joins with data directory %s", m.Shard, m.Directory))
	}
	moved := p.address != m.Address
	p.session, p.address, p.instance = s, m.Address, m.Instance
	p.known, p.committed, p.checkpointed = true, m.Committed.Height(), m.Checkpointed
	p.rejected, p.quarantined = nil, ""
	c.sessions[s] = m.Shard
	if moved {
		c.announce(m.Shard, e)
	}
	c.send(m.Shard, &Welcome{Config: c.config, Committed: c.height(), Peers: c.peers()}, e)
}

// announce tells the others where the shard is now.
func (c *Coordinator) announce(moved ShardID, e *Effects) {
	for s := range c.shards {
		if ShardID(s) != moved {
			c.send(ShardID(s), Peers{c.peers()}, e)
		}
	}
}

func (c *Coordinator) peers() (peers []Peer) {
	for s, p := range c.shards {
		if p.address != "" {
			peers = append(peers, Peer{Shard: ShardID(s), Address: p.address})
		}
	}
	return peers
}

func (c *Coordinator) resync(m *Hello, e *Effects) error {
	for h := m.Committed.Height() + 1; h <= c.height(); h++ {
		c.send(m.Shard, Commit{c.decisions[h].CommittedOn(m.Shard)}, e)
	}
	holds := map[AttemptID]*Vote{}
	for i := range m.Prepared {
		v := &m.Prepared[i]
		holds[v.Attempt] = v
		if _, p := c.at(v.Attempt.Height); v.Attempt.Height > c.height() && (p == nil || p.attempt != v.Attempt) {
			c.send(m.Shard, Abort{v.Attempt}, e)
		}
	}
	for _, p := range c.blocks {
		if p.live() && holds[p.attempt] == nil {
			c.sendExecute(m.Shard, p, e)
		}
	}
	return c.countHeld(m.Shard, holds, e)
}

// countHeld counts the live attempts that the shard holds as its votes.
func (c *Coordinator) countHeld(shard ShardID, holds map[AttemptID]*Vote, e *Effects) error {
	for _, p := range append([]*pendingBlock(nil), c.blocks...) {
		v := holds[p.attempt]
		if !p.live() || v == nil {
			continue
		}
		if err := c.yes(shard, p, v, e); err != nil {
			return err
		}
	}
	return nil
}
