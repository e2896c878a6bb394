package protocol

import (
	"fmt"
	"slices"
	"time"
)

// maxWaiters bounds the clients that wait for one block.
const maxWaiters = 1024

// submitted takes a block up, or answers at once. A block key is never live or
// decided at two heights (C3).
func (c *Coordinator) submitted(ev Submitted, e *Effects) {
	b := ev.Block
	if ev.Checked < c.forgotten {
		answer(e, ev.Waiter, VerdictRecheck, "the history has moved on")
		return
	}
	if d := c.keys[b.Key]; d != nil {
		c.answerDecided(ev.Waiter, b, d, e)
		return
	}
	if p := c.pending[b.Key]; p != nil {
		c.join(p, ev, e)
		return
	}
	if reason := c.full(b); reason != "" {
		answer(e, ev.Waiter, VerdictOverloaded, reason)
		return
	}
	after, reason := c.follows(ev)
	if reason != "" {
		// A newer coordinator may have decided what is unknown here, as for a
		// conflict in join.
		e.Force = true
		answer(e, ev.Waiter, VerdictEarly, reason)
		return
	}
	p := &pendingBlock{block: b, after: after, since: c.now}
	c.blocks = append(c.blocks, p)
	c.pending[b.Key] = p
	c.bytes += int64(len(b.Body))
	p.wait(ev)
}

func answer(e *Effects, w Waiter, v Verdict, reason string) {
	if w != 0 {
		e.Answer = append(e.Answer, Answer{Waiter: w, Verdict: v, Reason: reason})
	}
}

func conflict(key string) string {
	return fmt.Sprintf("block key %q belongs to a block with other content: give the new block a key of its own", key)
}

func (c *Coordinator) answerDecided(w Waiter, b *Block, d *Decision, e *Effects) {
	if d.Block != b.ID {
		answer(e, w, VerdictConflict, conflict(b.Key))
		return
	}
	if w != 0 {
		e.Answer = append(e.Answer, Answer{Waiter: w, Verdict: VerdictCommitted, Decision: d})
	}
}

// join lets another client wait for a block that is under way.
func (c *Coordinator) join(p *pendingBlock, ev Submitted, e *Effects) {
	if p.block.ID != ev.Block.ID {
		// What is pending here may be decided otherwise by a newer coordinator:
		// the force finds out, and then nothing is said (C1).
		e.Force = true
		answer(e, ev.Waiter, VerdictConflict, conflict(ev.Block.Key))
		return
	}
	if len(p.waiters) >= maxWaiters {
		answer(e, ev.Waiter, VerdictOverloaded, fmt.Sprintf("%d clients wait for block %q already: try again later", len(p.waiters), ev.Block.Key))
		return
	}
	p.wait(ev)
}

// wait adds a client. The block is withdrawn only when the latest of their
// deadlines has passed; a client without a deadline keeps it for good.
func (p *pendingBlock) wait(ev Submitted) {
	first := !p.asked
	p.asked = true
	if ev.Waiter != 0 {
		p.waiters = append(p.waiters, ev.Waiter)
	}
	switch {
	case ev.Deadline.IsZero():
		p.deadline = time.Time{}
	case first || (!p.deadline.IsZero() && ev.Deadline.After(p.deadline)):
		p.deadline = ev.Deadline
	}
}

func (c *Coordinator) full(b *Block) string {
	switch {
	case len(c.blocks) >= c.options.QueueBlocks:
		return fmt.Sprintf("%d blocks are waiting already%s: try again later", len(c.blocks), c.waitsFor())
	case c.bytes+int64(len(b.Body)) > c.options.QueueBytes && len(c.blocks) > 0:
		return fmt.Sprintf("blocks of %d bytes are waiting already%s: try again later", c.bytes, c.waitsFor())
	}
	return ""
}

func (c *Coordinator) waitsFor() string {
	if away := c.away(); len(away) > 0 {
		return fmt.Sprintf(", and shards %v are not connected", away)
	}
	return ""
}

// away lists the shards without a session.
func (c *Coordinator) away() (shards []ShardID) {
	for s, p := range c.shards {
		if p.session == 0 {
			shards = append(shards, ShardID(s))
		}
	}
	return shards
}

// expire withdraws the blocks whose clients wait no longer (C5), from the top,
// so that the heights in the records are those at the time of each.
func (c *Coordinator) expire(e *Effects) {
	for i := len(c.blocks) - 1; i >= 0; i-- {
		p := c.blocks[i]
		if p.deadline.IsZero() || c.now.Before(p.deadline) {
			continue
		}
		c.withdraw(i, VerdictAborted, "the deadline passed"+c.waitingFor(p), e)
	}
}

func (c *Coordinator) waitingFor(p *pendingBlock) string {
	if away := c.away(); len(away) > 0 {
		return fmt.Sprintf(" while shards %v were not connected", away)
	}
	if p.refusal != "" {
		return " after " + p.refusal
	}
	if missing := p.missing(); p.live() && len(missing) > 0 {
		return fmt.Sprintf(" while shards %v had not voted", missing)
	}
	return " before the block was decided"
}

func (p *pendingBlock) missing() (shards []ShardID) {
	for s, v := range p.votes {
		if v == nil {
			shards = append(shards, ShardID(s))
		}
	}
	return shards
}

// withdraw takes a block back, and before it every block that comes after it
// (C9). A forced Withdrawn record stands before the answer, else a restart would
// run the block again. It stands there also if the block was never proposed: one
// that was deposed must not speak for the newer coordinator, and only its log can
// tell it (C1). Blocks above the withdrawn one move down one height, with new
// attempts (C3).
//
// A decision that has begun cannot be withdrawn (C2): the step that decides
// takes the block out of blocks. If its record cannot be written, or nobody can
// tell whether it was, the coordinator steps down.
func (c *Coordinator) withdraw(i int, v Verdict, reason string, e *Effects) {
	told := reason
	if v == VerdictAborted {
		told += ": nothing was changed, submit the block again"
	}
	c.abort(i, "withdrawn: "+told, e)
	c.withdrawFollowers(i, reason, e)
	c.giveBack(i, v, told, e)
}

// giveBack withdraws blocks[i] alone. Its attempt has ended.
func (c *Coordinator) giveBack(i int, v Verdict, reason string, e *Effects) {
	p := c.blocks[i]
	e.force(Withdrawn{Height: c.heightOf(i), Key: p.block.Key})
	e.note(NoteWithdrawn, AttemptID{Height: c.heightOf(i)}, fmt.Sprintf("block %q: %s", p.block.Key, reason))
	c.remove(i)
	for _, w := range p.waiters {
		answer(e, w, v, reason)
	}
}

func (c *Coordinator) remove(i int) {
	p := c.blocks[i]
	c.blocks = slices.Delete(c.blocks, i, i+1)
	delete(c.pending, p.block.Key)
	c.bytes -= int64(len(p.block.Body))
}
