package protocol

import (
	"fmt"
	"time"
)

const (
	retryFirst = 25 * time.Millisecond
	retryMost  = 2 * time.Second
)

// propose starts an attempt for every block in the window that has none (C4).
// New attempts begin only while every shard has a session: an attempt with a
// shard away could only wait, and its peers with it.
func (c *Coordinator) propose(e *Effects) {
	if len(c.blocks) == 0 || c.now.Before(c.retryAt) || len(c.away()) > 0 {
		return
	}
	for i, p := range c.blocks[:min(len(c.blocks), c.options.Window)] {
		if !p.live() {
			c.begin(i, p, e)
		}
	}
}

func (c *Coordinator) begin(i int, p *pendingBlock, e *Effects) {
	h := c.heightOf(i)
	if !p.proposed {
		p.proposed = true
		e.Persist = append(e.Persist, &Proposed{Height: h, Epoch: c.epoch, Key: p.block.Key, After: p.after, Block: p.block.ID, Body: p.block.Body})
	}
	c.attempts[h]++
	p.attempt = AttemptID{Height: h, Epoch: c.epoch, Attempt: c.attempts[h]}
	p.parent = c.parentOf(i)
	p.votes = make([]*Vote, len(c.shards))
	p.since = c.now
	if p.begun.IsZero() {
		p.begun = c.now
	}
	for s := range c.shards {
		c.sendExecute(ShardID(s), p, e)
	}
}

func (c *Coordinator) parentOf(i int) AttemptID {
	switch {
	case i > 0:
		return c.blocks[i-1].attempt
	case c.decided != nil:
		return c.decided.Attempt
	}
	return AttemptID{}
}

func (c *Coordinator) sendExecute(s ShardID, p *pendingBlock, e *Effects) {
	c.send(s, &Execute{Attempt: p.attempt, Parent: p.parent, Block: p.block.ID, Excerpt: p.block.Parts[s].Excerpt}, e)
}

// abort ends the live attempt of blocks[i] and of every block above it (C3).
// Shards drop what is above by themselves (S2).
func (c *Coordinator) abort(i int, why string, e *Effects) {
	if p := c.blocks[i]; p.live() {
		c.broadcast(Abort{p.attempt}, e)
		e.note(NoteAborted, p.attempt, why)
	}
	for _, p := range c.blocks[i:] {
		p.attempt, p.parent, p.votes = AttemptID{}, AttemptID{}, nil
	}
}

// vote counts an answer to an attempt. A vote for an attempt that is not live
// is answered, so that nobody stays prepared for ever (C8).
func (c *Coordinator) vote(shard ShardID, v *Vote, e *Effects) error {
	if v.Attempt.Epoch > c.epoch {
		c.stepDown(fmt.Sprintf("shard %d votes on attempt %s of a higher epoch", shard, v.Attempt), e)
		return nil
	}
	i, p := c.at(v.Attempt.Height)
	if p == nil || p.attempt != v.Attempt {
		c.answerLate(shard, v, e)
		return nil
	}
	if !v.Yes {
		c.refused(i, shard, v, e)
		return nil
	}
	return c.yes(shard, p, v, e)
}

func (c *Coordinator) answerLate(shard ShardID, v *Vote, e *Effects) {
	if !v.Yes {
		return // the shard holds nothing
	}
	if d := c.decisions[v.Attempt.Height]; d != nil && d.Attempt == v.Attempt {
		c.send(shard, Commit{d.CommittedOn(shard)}, e)
		return
	}
	if v.Attempt.Height <= c.height() && c.decisions[v.Attempt.Height] == nil {
		return // every shard has it durably: nobody can be prepared there
	}
	c.send(shard, Abort{v.Attempt}, e)
}

// refused handles a no: try again, or give the block back to its client.
func (c *Coordinator) refused(i int, shard ShardID, v *Vote, e *Effects) {
	reason := fmt.Sprintf("shard %d refuses attempt %s: %s", shard, v.Attempt, v.Refusal.Reason)
	e.note(NoteRefusedVote, v.Attempt, reason)
	c.blocks[i].refusal = reason
	c.shards[shard].refusal = v.Refusal.Reason
	if !v.Refusal.Retry {
		c.withdraw(i, VerdictRejected, reason, e)
		return
	}
	c.abort(i, reason, e)
	c.retryAt = c.now.Add(min(retryFirst<<min(c.failures, 16), retryMost))
	c.failures++
}

func (c *Coordinator) yes(shard ShardID, p *pendingBlock, v *Vote, e *Effects) error {
	if reason := p.misfit(shard, v); reason != "" {
		c.reject(c.shards[shard].session, shard, RejectMalformed, reason, e)
		return nil
	}
	if old := p.votes[shard]; old != nil && (old.Digest != v.Digest || !old.Outcomes.Equal(v.Outcomes)) {
		return diverged("shard %d voted on attempt %s with digest %s, and again with digest %s or other outcomes", shard, v.Attempt, old.Digest, v.Digest)
	}
	p.votes[shard] = v
	return c.decide(e)
}

// misfit says why a vote cannot be one for this block, or "".
func (p *pendingBlock) misfit(shard ShardID, v *Vote) string {
	part := p.block.Parts[shard]
	if v.Outcomes.Len() != len(part.Indexes) {
		return fmt.Sprintf("shard %d votes on attempt %s with %d outcomes, its sub-block has %d transactions", shard, v.Attempt, v.Outcomes.Len(), len(part.Indexes))
	}
	for i, executes := range part.Executes {
		if executes != (v.Outcomes.Codes[i] != 0) {
			return fmt.Sprintf("shard %d votes on attempt %s with an outcome for transaction %d that it does not execute, or without one that it does", shard, v.Attempt, part.Indexes[i])
		}
	}
	return ""
}

// decide commits, in order of height, every block that all shards voted for
// (C2). The decision is durable before any effect below it is carried out.
func (c *Coordinator) decide(e *Effects) error {
	for len(c.blocks) > 0 && c.blocks[0].complete() {
		p := c.blocks[0]
		outcomes, unfit, err := p.outcomes()
		if err != nil {
			return err
		}
		if unfit != "" {
			c.withdraw(0, VerdictRejected, unfit, e)
			continue
		}
		d := c.decision(p, outcomes)
		e.force(d)
		c.decided = d
		c.decisions[d.Height()] = d
		c.keys[d.Key] = d
		delete(c.attempts, d.Height())
		c.failures = 0
		c.forgiven()
		c.remove(0)
		e.Decided = append(e.Decided, d)
		for s := range c.shards {
			c.send(ShardID(s), Commit{d.CommittedOn(ShardID(s))}, e)
		}
		for _, w := range p.waiters {
			e.Answer = append(e.Answer, Answer{Waiter: w, Verdict: VerdictCommitted, Decision: d})
		}
	}
	return nil
}

// forgiven forgets why shards refused: a block was decided since.
func (c *Coordinator) forgiven() {
	for s := range c.shards {
		c.shards[s].refusal = ""
	}
}

// outcomes joins what the shards voted, and makes the check of section 5 of
// the design: the shards that executed a transaction must agree on its outcome.
// Outcomes that do not fit into a record are nobody's divergence; the reason
// tells why the block can never be decided.
func (p *pendingBlock) outcomes() (all Outcomes, unfit string, err error) {
	all = NewOutcomes(p.block.Transactions)
	for s, v := range p.votes {
		for i, index := range p.block.Parts[s].Indexes {
			name := v.Outcomes.At(i)
			if name == "" {
				continue
			}
			if known := all.At(int(index)); known != "" && known != name {
				return all, "", diverged("block %q, attempt %s: transaction %d is %q on shard %d, but %q on another shard", p.block.Key, p.attempt, index, name, s, known)
			}
			if err := all.Set(int(index), name); err != nil {
				return all, fmt.Sprintf("the shards cannot be brought together: %v", err), nil
			}
		}
	}
	return all, "", nil
}

func (c *Coordinator) decision(p *pendingBlock, outcomes Outcomes) *Decision {
	digests := make([]Digest, len(c.shards))
	for s, v := range p.votes {
		digests[s] = v.Digest
	}
	return &Decision{
		Attempt: p.attempt, Parent: p.parent, Key: p.block.Key, Block: p.block.ID, Digests: digests,
		Root: ChainRoot(c.root(), p.attempt.Height, p.block.ID, digests), Outcomes: outcomes,
		UnixMillis: uint64(max(0, c.now.UnixMilli())),
	}
}
